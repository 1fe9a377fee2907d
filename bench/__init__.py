"""What the system must reach, measured. Django is set up here, so that any benchmark can be run by itself."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
django.setup()
