"""The routes of what is said in a dispute: by each party to the house, by the house to one of them or to itself."""

from rest_framework import status, viewsets
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from attribution_site.isolation import as_owner
from disputes import operations
from disputes.api.asking import actor_of
from disputes.api.disputes import CHANGE, VIEW
from disputes.api.forms import SaidSerializer
from disputes.api.shapes import MessageSerializer
from disputes.models import Dispute, Message
from partners.models import payee_of


class MessageViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    permissions_by_action = {"list": VIEW, "create": CHANGE}

    def get_queryset(self):
        return self._visible().filter(dispute=self._dispute())

    def create(self, request, dispute_id):
        dispute = self._dispute()
        asked = self._asked(SaidSerializer)
        with as_owner():
            message = self._say(dispute, actor_of(request), asked)
        return Response(self.get_serializer(self._visible().get(pk=message.pk)).data, status=status.HTTP_201_CREATED)

    def _say(self, dispute, by, asked):
        words = {"dispute_id": dispute.pk, "body": asked["body"], "by": by}
        return operations.add_note(**words) if asked["internal"] else operations.post_message(**words, to=asked["to"])

    def _asked(self, serializer_class):
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        asked = {"internal": False, "to": None} | serializer.validated_data
        if payee_of(self.request.user):
            told = ErrorDetail("Only the house chooses whom it speaks to.", code="not_for_payees")
            if errors := {name: [told] for name in ("internal", "to") if asked[name]}:
                raise ValidationError(errors)
        if asked["internal"] and asked["to"]:
            raise ValidationError({"to": [ErrorDetail("An internal note is to nobody.", code="invalid")]})
        return asked

    def _dispute(self):
        return get_object_or_404(Dispute.objects.visible_to(self.request.user), pk=self.kwargs["dispute_id"])

    def _visible(self):
        people = [] if payee_of(self.request.user) else ["author"]
        rows = Message.objects.visible_to(self.request.user).select_related("party", *people)
        return rows.order_by("sent_at", "id")
