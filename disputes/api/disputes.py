"""The routes of disputes."""

from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, Prefetch, Subquery, Value, prefetch_related_objects
from django.utils import timezone
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from attribution.models import AttributionRecord, SettlementLine, with_net
from attribution_site.api.lists import check_parameters
from attribution_site.api.wire import StrictJSONParser
from attribution_site.isolation import as_owner
from disputes import operations
from disputes.api import deciding, forms, tables, trials
from disputes.api.actions import actions_of
from disputes.api.asking import actor_of, house_of
from disputes.api.history import history_of
from disputes.api.lists import DisputeFilter
from disputes.api.shapes import DisputeDetailSerializer, DisputeSerializer
from disputes.models import Dispute, Evidence, Party
from partners.models import payee_of

VIEW = ["disputes.view_dispute"]
ADD = [*VIEW, "disputes.add_dispute"]
CHANGE = [*VIEW, "disputes.change_dispute"]
RESOLVE = [*VIEW, "disputes.resolve_dispute"]


class DisputeViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Dispute.objects.all()
    serializer_class = DisputeSerializer
    filterset_class = DisputeFilter
    permissions_by_action = {
        **dict.fromkeys(["create", "appeal"], ADD),
        **dict.fromkeys(["ask", "answer", "assign", "go_on", "withdraw"], CHANGE),
        **dict.fromkeys(["simulate", "try_decision", "resolve", "resolve_each"], RESOLVE),
    }
    throttle_scopes = {"simulate": "calculate", "try_decision": "calculate", "resolve_each": "work"}
    parsers_by_action = {"create": tables.ClaimParser, "resolve_each": tables.ResolutionParser}

    def get_parsers(self):
        method = getattr(self.request, "method", "").lower()  # the schema asks without a request
        also = self.parsers_by_action.get(self.action_map.get(method, ""))
        return [StrictJSONParser(), *([also()] if also else [])]

    def perform_content_negotiation(self, request, force=False):
        # What became of many can be asked for as CSV. Refusals are JSON still.
        of_many = self.action in self.parsers_by_action and tables.is_wanted(request)
        return super().perform_content_negotiation(request, force or of_many)

    def get_queryset(self):
        rows = Dispute.objects.visible_to(self.request.user).order_by("-number")
        payee = payee_of(self.request.user)
        if payee is None:
            rows = rows.select_related("filed_by", "assigned_to", "resolved_by", "appeal_of")
            return rows.annotate(own_role=Value(None, CharField(null=True)))
        own = Party.objects.filter(dispute=OuterRef("pk"), payee_type=payee.kind, payee_id=payee.id)
        return rows.annotate(own_role=Subquery(own.values("role")), is_of_record=Subquery(own.values("is_of_record")))

    def get_serializer_context(self):
        return {**super().get_serializer_context(), "now": timezone.now()}

    def create(self, request):
        if isinstance(request.data, list):
            return tables.answered(request, deciding.file_each(request, request.data))
        dispute = deciding.file_one(request, **self._asked(forms.ClaimSerializer))
        return self._told(dispute.pk, status.HTTP_201_CREATED)

    def retrieve(self, request, pk):
        return Response(self._detail(self.get_object()))

    @action(detail=True, methods=["post"])
    def ask(self, request, pk):
        return self._done(operations.ask_information, forms.QuestionSerializer, by=house_of(request))

    @action(detail=True, methods=["post"])
    def answer(self, request, pk):
        return self._done(operations.answer_information, forms.AnswerSerializer)

    @action(detail=True, methods=["post"])
    def assign(self, request, pk):
        by, dispute = house_of(request), self.get_object()
        asked = self._asked(forms.AssignmentSerializer)
        to = self._person(asked["assigned_to"])
        operations.assign_dispute(dispute_id=dispute.pk, to=to, by=by, take_over=asked.get("take_over", False))
        return self._told(dispute.pk)

    @action(detail=True, methods=["post"], url_path="go-on")
    def go_on(self, request, pk):
        return self._done(operations.go_on_without_answer, forms.GoOnSerializer, by=house_of(request))

    @action(detail=True)
    def simulate(self, request, pk):
        return self._tried(self.get_object())

    @simulate.mapping.post
    def try_decision(self, request, pk):
        dispute = self.get_object()
        decision = self._asked(forms.TrialSerializer)["decision"]
        with deciding.errors_within("decision"):
            return self._tried(dispute, decision)

    @action(detail=True, methods=["put"])
    def resolve(self, request, pk):
        dispute = self.get_object()
        asked = self._asked(forms.ResolutionSerializer)
        deciding.decide_one(request, dispute.pk, asked, within="adjustments")
        return self._told(dispute.pk)

    @action(detail=False, methods=["post"], url_path="resolve")
    def resolve_each(self, request):
        check_parameters(request, {})
        if not isinstance(request.data, list):
            raise ValidationError("Give an array.", code="not_a_list")
        return tables.answered(request, deciding.decide_each(request, request.data, self.get_queryset()))

    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        return self._done(operations.withdraw_dispute, forms.WithdrawalSerializer)

    @action(detail=True, methods=["post"])
    def appeal(self, request, pk):
        dispute, asked = self.get_object(), self._asked(forms.AppealSerializer)
        with as_owner():
            made = operations.appeal_dispute(dispute_id=dispute.pk, by=actor_of(request), **asked)
        return self._told(made.pk, status.HTTP_201_CREATED)

    def _done(self, operation, serializer_class, *, by=None):
        """One operation on the dispute of the path, with the words of the body."""
        dispute, asked = self.get_object(), self._asked(serializer_class)
        words = {name: value for name, value in asked.items() if value is not None}
        with as_owner():
            operation(dispute_id=dispute.pk, by=by or actor_of(self.request), **words)
        return self._told(dispute.pk)

    def _asked(self, serializer_class):
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def _person(self, name):
        user = self.request.user
        if name == "me" and actor_of(self.request).user is not None:
            return user
        person = get_user_model().objects.filter(username=name, is_active=True).first()
        if person is None:
            told = ErrorDetail(f"There is nobody called {name}.", code="does_not_exist")
            raise ValidationError({"assigned_to": [told]})
        return person

    def _tried(self, dispute, decision=None):
        options = operations.simulate(dispute_id=dispute.pk, decision=decision)
        return Response({"dispute_id": dispute.pk, "options": [trials.told(option) for option in options]})

    def _told(self, dispute_id, http_status=status.HTTP_200_OK):
        return Response(self._detail(get_object_or_404(self.get_queryset(), pk=dispute_id)), status=http_status)

    def _detail(self, dispute):
        """With its parts, in as many queries whatever their number."""
        user, asker, payee = self.request.user, actor_of(self.request), payee_of(self.request.user)
        people = [] if payee else ["added_by"]
        evidence = Evidence.objects.visible_to(user).defer("content").select_related("party", *people)
        parties = Party.objects.visible_to(user)
        prefetch_related_objects([dispute], Prefetch("parties", parties), Prefetch("evidence", evidence))
        of_conversion = {"conversion_id": dispute.conversion_id, "model": dispute.model}
        records = AttributionRecord.objects.visible_to(user).filter(**of_conversion)
        dispute.records = with_net(records).order_by("position", "part")
        lines = SettlementLine.objects.filter(settlement=dispute.settlement_id).order_by("number", "id")
        dispute.changes = lines.filter(payee_type=payee.kind, payee_id=payee.id) if payee else lines
        with as_owner():
            is_told = dispute.own_role != Party.Role.RESPONDENT
            dispute.history = history_of(dispute, with_who=asker.is_house) if is_told else []
            dispute.actions = actions_of(dispute, asker, user, now=timezone.now())
        return DisputeDetailSerializer(dispute, context=self.get_serializer_context()).data
