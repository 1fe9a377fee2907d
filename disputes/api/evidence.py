"""The routes of evidence: files and data, each told of, and given out, to who may see it."""

from django.http import HttpResponse
from rest_framework import status, viewsets
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from attribution_site.api.lists import check_parameters
from attribution_site.api.wire import StrictJSONParser
from attribution_site.isolation import as_owner
from disputes import operations, storage
from disputes.api.asking import actor_of
from disputes.api.disputes import CHANGE, VIEW
from disputes.api.fields import EvidenceField
from disputes.api.shapes import EvidenceDetailSerializer, EvidenceSerializer
from disputes.models import Dispute, Evidence
from disputes.operations.evidence import canonical
from disputes.uploads import BoundedUpload, EvidenceParser, file_in
from partners.models import payee_of

FORM = "multipart/form-data"


class EvidenceViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Evidence.objects.all()
    serializer_class = EvidenceSerializer
    parser_classes = [StrictJSONParser, EvidenceParser]
    permissions_by_action = {**dict.fromkeys(["list", "retrieve", "content"], VIEW), "create": CHANGE}
    throttle_scopes = {"create": "upload"}
    lookup_url_kwarg = "evidence_id"

    def initialize_request(self, request, *args, **kwargs):
        # The check of a session against forgery reads a form before any parser does, and is bounded by this alone.
        if request.content_type == FORM:
            request.upload_handlers = [BoundedUpload(request)]
        return super().initialize_request(request, *args, **kwargs)

    def perform_content_negotiation(self, request, force=False):
        # Who asks for a file may say that such files are all they take.
        return super().perform_content_negotiation(request, force or self.action == "content")

    def get_queryset(self):
        return self._visible().filter(dispute=self._dispute())

    def create(self, request, dispute_id):
        dispute = self._dispute()
        check_parameters(request, {})
        add = self._add_file if request.content_type.startswith(FORM) else self._add_json
        item = add(dispute_id=dispute.pk, by=actor_of(request))
        return Response(self.get_serializer(self._visible().get(pk=item.pk)).data, status=status.HTTP_201_CREATED)

    def _add_file(self, **asked):
        upload = file_in(self.request)
        with as_owner():
            return operations.add_file(upload=upload, name=upload.name or "", **asked)

    def _add_json(self, **asked):
        data = EvidenceField().run_validation(self.request.data)
        with as_owner():
            return operations.add_json(data=data, **asked)

    def retrieve(self, request, dispute_id, evidence_id):
        return Response(EvidenceDetailSerializer(self.get_object(), context=self.get_serializer_context()).data)

    def content(self, request, dispute_id, evidence_id):
        """The very bytes that its hash is of."""
        item = self.get_object()
        if item.path:
            return storage.serve(item)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
        return HttpResponse(canonical(item.content), content_type=item.content_type, headers=headers)

    def _dispute(self):
        return get_object_or_404(Dispute.objects.visible_to(self.request.user), pk=self.kwargs["dispute_id"])

    def _visible(self):
        people = [] if payee_of(self.request.user) else ["added_by"]
        rows = Evidence.objects.visible_to(self.request.user).select_related("party", *people)
        return rows.order_by("added_at", "id")
