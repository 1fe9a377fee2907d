"""What the API's schema tells of bank accounts."""

from attribution_site.api.schema.operation import Operation, PageOf
from attribution_site.api.schema.shapes import MOMENT, TEXT, or_null, ref
from payouts.api.banking import BankAccountSerializer, ProposalOfAccountSerializer, WithdrawalOfAccountSerializer
from payouts.models import BankAccount

ENUMS = {
    "BankAccountStatus": BankAccount.State.values,
    "BankAccountMethod": BankAccount.Method.values,
    "BankAccountType": BankAccount.AccountType.values,
}
NAMES = {
    ProposalOfAccountSerializer: "BankAccountProposal",
    WithdrawalOfAccountSerializer: "BankAccountWithdrawal",
}
FIELDS = {
    BankAccountSerializer: {
        **{name: or_null(TEXT) for name in ("bic", "routing", "reason")},
        "account_type": or_null(ref("BankAccountType")),
        **{name: or_null(MOMENT) for name in ("confirmed_at", "effective_at", "closed_at")},
    }
}
OPERATIONS = {
    ("GET", "bank-accounts"): Operation(
        "listBankAccounts", "List bank accounts, the newest first", {200: PageOf(BankAccountSerializer)}
    ),
    ("POST", "bank-accounts"): Operation(
        "proposeBankAccount",
        "Propose a bank account to be paid to",
        {201: BankAccountSerializer},
        takes=ProposalOfAccountSerializer,
        description="The house confirms it, and some days later money goes there; until then it goes where it went. "
        "Partners and brokers leave `payeeType` and `payeeId` out. SEPA takes `number` (the IBAN), for banks outside "
        "the EEA `bic`, and EUR; ACH takes `number`, `routing`, `accountType` and USD.",
        refusals=(409,),
    ),
    ("GET", "bank-accounts/{id}"): Operation("getBankAccount", "Get a bank account", {200: BankAccountSerializer}),
    ("POST", "bank-accounts/{id}/withdraw"): Operation(
        "withdrawBankAccount",
        "Withdraw a bank account that was not confirmed yet",
        {200: BankAccountSerializer},
        takes=WithdrawalOfAccountSerializer,
        refusals=(409,),
    ),
}
