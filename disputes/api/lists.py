"""Which disputes are asked for."""

import django_filters
from django.contrib.auth import get_user_model
from rest_framework.exceptions import ValidationError

from attribution_site.api.access import person_of
from attribution_site.api.lists import BoundaryFilter, StableOrderingFilter, YesNoFilter
from disputes.models import Dispute, Party
from partners.models import payee_of

# Numbers are given as disputes are filed, and have an index.
ORDERINGS = [("number", "filedAt"), ("due_at", "dueAt"), ("at_stake", "atStake")]
# What a respondent is not told it finds nothing by, in no order.
OF_THE_CLAIM = ("dispute_type", "attribution_id", "lead_id", "overdue", "partner_id", "broker_id")
ORDERS_OF_THE_CLAIM = {"dueAt", "-dueAt", "atStake", "-atStake"}
# Nor a claimant by what it is not told of a record that is another's.
OF_THE_RECORD = ("attribution_id", "lead_id")
ORDERS_OF_THE_RECORD = {"atStake", "-atStake"}


class DisputeFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=Dispute.Status.choices)
    dispute_type = django_filters.ChoiceFilter(choices=Dispute.Type.choices)
    partner_id = django_filters.CharFilter(method="of_claimant", max_length=64)
    broker_id = django_filters.CharFilter(method="of_claimant", max_length=64)
    attribution_id = django_filters.UUIDFilter(field_name="record_id")
    conversion_id = django_filters.UUIDFilter()
    lead_id = django_filters.CharFilter(max_length=64)
    assigned_to = django_filters.CharFilter(method="in_hands", max_length=150, help_text="A user name, me or nobody.")
    overdue = YesNoFilter(method="whose_time_is_up")
    role = django_filters.ChoiceFilter(
        method="as_party", choices=Party.Role.choices, help_text="Of partners and brokers: theirs in it."
    )
    start_date = BoundaryFilter(field_name="filed_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="filed_at", lookup_expr="lt")
    ordering = StableOrderingFilter(fields=ORDERINGS)

    class Meta:
        model = Dispute
        fields: list[str] = []

    @property
    def payee(self):
        return payee_of(self.request.user)

    def filter_queryset(self, queryset):
        if self.payee and self._asks(OF_THE_CLAIM, ORDERS_OF_THE_CLAIM):
            queryset = queryset.filter(claimant_type=self.payee.kind, claimant_id=self.payee.id)
        if self.payee and self._asks(OF_THE_RECORD, ORDERS_OF_THE_RECORD):
            queryset = queryset.filter(is_of_record=True)
        return super().filter_queryset(queryset)

    def _asks(self, names, orders):
        asked = self.form.cleaned_data
        return any(asked[name] for name in names) or bool(orders.intersection(asked["ordering"] or ()))

    def of_claimant(self, queryset, name, value):
        return queryset.filter(claimant_type=name.removesuffix("_id"), claimant_id=value)

    def in_hands(self, queryset, name, value):
        if self.payee:
            return queryset.none()
        if value == "nobody":
            return queryset.filter(assigned_to=None)
        if value == "me":
            person = person_of(self.request.user)
            return queryset.filter(assigned_to=person) if person else queryset.none()
        return queryset.filter(assigned_to__in=get_user_model().objects.filter(username=value))

    def whose_time_is_up(self, queryset, name, value):
        overdue = Dispute.objects.overdue().values("pk")
        return queryset.overdue() if value == "true" else queryset.exclude(pk__in=overdue)

    def as_party(self, queryset, name, value):
        if not self.payee:
            raise ValidationError({name: "Only partners and brokers have a role in a dispute."}, code="only_for_payees")
        return queryset.filter(own_role=value)
