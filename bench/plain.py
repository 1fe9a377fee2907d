"""What the lean door is measured against: the same table behind a ModelViewSet as the tutorial has it.

Authentication, permissions and middleware are the product's own, so that only the way in differs. Serve it with
`granian --interface wsgi bench.plain:application`.
"""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "attribution_site.settings"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import serializers, viewsets  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402

from attribution_site.wsgi import settled  # noqa: E402
from touchpoints.models import Touchpoint  # noqa: E402


class PlainSerializer(serializers.ModelSerializer):
    class Meta:
        model = Touchpoint
        fields = "__all__"


class PlainViewSet(viewsets.ModelViewSet):
    queryset = Touchpoint.objects.all()
    serializer_class = PlainSerializer


router = SimpleRouter(trailing_slash=False)
router.register("touchpoints", PlainViewSet)
urlpatterns = [path("api/v1/attribution/", include(router.urls))]
settings.ROOT_URLCONF = __name__
application = settled(get_wsgi_application())
