"""`/api/schema` and `/api/docs`, for everybody: what an API is like is no secret, its data is."""

import functools
import hashlib
import json

from django.http import HttpResponse
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.permissions import AllowAny


@functools.cache
def document():
    """The schema as JSON, made once a process."""
    told = SchemaGenerator().get_schema(request=None, public=True)
    # Bounds of amounts are Decimals, which a schema has no need of.
    return json.dumps(told, indent=1, ensure_ascii=False, default=float) + "\n"


@functools.cache
def _etag():
    return f'"{hashlib.sha256(document().encode()).hexdigest()[:32]}"'


@require_safe
@condition(etag_func=lambda request: _etag())
def schema(request):
    return HttpResponse(document(), content_type="application/json", headers={"Cache-Control": "no-cache"})


class Docs(SpectacularSwaggerView):
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []
    url_name = "api-schema"
