"""A SEPA credit transfer, pain.001: one order with a single booking for all its payments.

`sepaxml` knows the structure. What it takes from clock and chance, the file's identity, is put in its place here, so
that the same orders make the same bytes."""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Any

from lxml import etree
from sepaxml import SepaTransfer

from payouts.exports.letters import SEPA, sepa_text
from payouts.exports.orders import CannotExport, Envelope, Instruction, Originator, cents, check

SCHEMAS = ("pain.001.001.09", "pain.001.001.03")
LARGEST = 10**11 - 1


def sepa(
    *, instructions: Sequence[Instruction], originator: Originator, envelope: Envelope, schema: str = SCHEMAS[0]
) -> bytes:
    """The file, valid under its schema. Raises CannotExport."""
    check(instructions, method="sepa", currency="EUR")
    if not (originator.name and originator.iban):
        raise CannotExport("The house's own SEPA details are not set: PAYER_NAME and PAYER_IBAN in the settings.")
    written = SepaTransfer(_payer(originator), schema=schema, clean=False)
    for each in instructions:
        written.add_payment(_payment(each, envelope))
    document = etree.fromstring(written.export(validate=False))
    _name(document, envelope)
    _fill_agents(document)
    if not _schema(schema).validate(document):
        # The validator's own words quote values, account numbers among them.
        raise CannotExport(f"The file would not be valid under {schema}.")
    return bytes(etree.tostring(document, xml_declaration=True, encoding="UTF-8"))


def _payer(originator: Originator) -> dict[str, Any]:
    bank = {"BIC": originator.bic} if originator.bic else {}
    name = sepa_text(originator.name, 70)
    return {"name": name, "IBAN": originator.iban, "currency": "EUR", "batch": True} | bank


def _payment(each: Instruction, envelope: Envelope) -> dict[str, Any]:
    amount, name = cents(each), sepa_text(each.holder, 70)
    if amount > LARGEST:
        raise CannotExport(f"{each.end_to_end_id}: a payment has 999,999,999.99 at most.")
    if not _is_identifier(each.end_to_end_id):
        raise CannotExport(f"{each.end_to_end_id}: an id has 35 plain characters at most, and no slash at its ends.")
    if not each.iban or not name:
        raise CannotExport(f"{each.end_to_end_id}: the bank account is not complete.")
    bank = {"BIC": each.bic} if each.bic else {}
    return {
        "name": name,
        "IBAN": each.iban,
        "amount": amount,
        "execution_date": envelope.execute_on,
        "description": sepa_text(each.text, 140) or each.end_to_end_id,
        "endtoend_id": each.end_to_end_id,
    } | bank


def _is_identifier(text: str) -> bool:
    plain = 1 <= len(text) <= 35 and SEPA.issuperset(text) and text == text.strip()
    return plain and not (text.startswith("/") or text.endswith("/") or "//" in text)


def _name(document: Any, envelope: Envelope) -> None:
    _one(document, "MsgId").text = envelope.reference
    _one(document, "CreDtTm").text = f"{envelope.made_at:%Y-%m-%dT%H:%M:%S}"
    _one(document, "PmtInfId").text = f"{envelope.reference}-1"


def _fill_agents(document: Any) -> None:
    """A payer's bank without a BIC is said to be not provided: empty, it is not valid SEPA."""
    for agent in document.iter("{*}DbtrAgt"):
        institution = agent[0]
        if not len(institution):
            namespace = etree.QName(institution).namespace
            other = etree.SubElement(institution, f"{{{namespace}}}Othr")
            etree.SubElement(other, f"{{{namespace}}}Id").text = "NOTPROVIDED"


def _one(document: Any, name: str) -> Any:
    [found] = document.iter(f"{{*}}{name}")
    return found


@functools.cache
def _schema(name: str) -> Any:
    """As ISO 20022 published it; sepaxml ships it."""
    if name not in SCHEMAS:
        raise CannotExport(f"There is no schema {name}: take one of {', '.join(SCHEMAS)}.")
    text = (resources.files("sepaxml") / "schemas" / f"{name}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text))
