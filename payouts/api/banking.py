"""The routes of bank accounts: masked, always. A partner or broker proposes its own; the house confirms, in the back
office, where it sees what changes."""

import django_filters
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.response import Response

from attribution_site.api.fields import Flag, StrictSerializer, Text
from attribution_site.isolation import as_owner
from disputes.api.asking import actor_of
from partners.models import opaque_id, payee_of
from payouts import operations
from payouts.banking.details import Details
from payouts.models import BankAccount

# What an account of the other kind has none of: an absent text is null.
OF_SOME = ("bic", "routing", "account_type", "reason")
PAYEES = [("partner", "partner"), ("broker", "broker")]


class BankAccountFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(field_name="state", choices=BankAccount.State.choices)
    method = django_filters.ChoiceFilter(choices=BankAccount.Method.choices)
    partner_id = django_filters.CharFilter(method="of_payee", max_length=64)
    broker_id = django_filters.CharFilter(method="of_payee", max_length=64)

    class Meta:
        model = BankAccount
        fields: list[str] = []

    def of_payee(self, queryset, name, value):
        return queryset.filter(payee_type=name.removesuffix("_id"), payee_id=value)


class BankAccountSerializer(serializers.ModelSerializer):
    """As anybody sees it: of the number its last characters."""

    number = serializers.CharField(source="mask", help_text="How it ends.")
    status = serializers.ChoiceField(BankAccount.State.choices, source="state")

    class Meta:
        model = BankAccount
        fields = [
            *("id", "status", "payee_type", "payee_id", "method", "currency", "holder", "is_company", "number"),
            *("country", "bic", "routing", "account_type", "proposed_at", "confirmed_at", "effective_at", "closed_at"),
            "reason",
        ]

    def to_representation(self, instance):
        values = super().to_representation(instance)
        return values | {name: values[name] or None for name in OF_SOME}


class ProposalOfAccountSerializer(StrictSerializer):
    """Whose it is only the house says: a partner or broker proposes its own."""

    payee_type = serializers.ChoiceField(PAYEES, required=False)
    payee_id = Text(required=False, validators=[opaque_id])
    method = serializers.ChoiceField(BankAccount.Method.choices)
    currency = Text(max_length=3)
    holder = Text(max_length=70)
    is_company = Flag(default=False)
    number = Text(max_length=64, write_only=True, help_text="The IBAN, or the account number. It is told to nobody.")
    bic = Text(required=False, max_length=16)
    routing = Text(required=False, max_length=16)
    account_type = serializers.ChoiceField(BankAccount.AccountType.choices, required=False)

    def validate(self, attrs):
        payee = attrs.pop("payee_type", None), attrs.pop("payee_id", None)
        return {"payee": payee, "details": Details(**attrs)}


class WithdrawalOfAccountSerializer(StrictSerializer):
    reason = Text(max_length=500)


class BankAccountViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = BankAccount.objects.all()
    serializer_class = BankAccountSerializer
    filterset_class = BankAccountFilter
    permissions_by_action = {
        "create": ["payouts.view_bankaccount", "payouts.add_bankaccount"],
        "withdraw": ["payouts.view_bankaccount", "payouts.add_bankaccount"],
    }

    def get_queryset(self):
        own = BankAccount.objects.visible_to(self.request.user)
        return own.with_state(timezone.now()).order_by("-id")

    def create(self, request):
        asked = self._asked(ProposalOfAccountSerializer)
        payee = self._payee(asked["payee"])
        with as_owner():
            account = operations.propose_account(payee=payee, details=asked["details"], by=actor_of(request))
        return self._told(account.pk, status.HTTP_201_CREATED)

    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        account, asked = self.get_object(), self._asked(WithdrawalOfAccountSerializer)
        with as_owner():
            operations.withdraw_account(account_id=account.pk, reason=asked["reason"], by=actor_of(request))
        return self._told(account.pk, status.HTTP_200_OK)

    def _payee(self, named):
        """Who asks as a payee means itself."""
        own = payee_of(self.request.user)
        if own is not None and named in {(None, None), tuple(own)}:
            return tuple(own)
        kind, pk = named
        if own is not None or not pk:
            text = "There is no such payee." if pk else "Whose is it?"
            raise ValidationError({"payeeId": [ErrorDetail(text, code="does_not_exist" if pk else "required")]})
        if not kind:
            raise ValidationError({"payeeType": [ErrorDetail("Take partner or broker.", code="required")]})
        return kind, pk

    def _asked(self, serializer_class):
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def _told(self, pk, http_status):
        account = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(self.get_serializer(account).data, status=http_status)
