import gc
import os
import sys

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver


def settled(application):
    """The application, with its process made ready to serve many at once."""
    # All views are loaded now, not by the first request; and what is loaded stays, so the garbage collector need not
    # walk through it again and again: each time all threads of the process stood still for a tenth of a second.
    assert get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    # A thread that comes back from the database waits so long for each one that computes. Python's own 5 ms add up.
    sys.setswitchinterval(0.001)
    return application


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
application = settled(get_wsgi_application())
