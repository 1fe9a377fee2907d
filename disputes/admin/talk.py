"""The conversation: one thread with each party, and the house's own notes."""

from typing import Any

from django import forms

from disputes import operations
from disputes.admin.forms import CaseForm, long_text
from disputes.models import Dispute, Message, Party
from partners.admin import moment

SHOWN = 500


class TalkForm(CaseForm):
    kind = forms.ChoiceField(choices=[])
    to = forms.ChoiceField(choices=[], required=False)
    body = forms.CharField(widget=long_text(maxlength=5000), strip=False, max_length=5000)

    also_called = {"question": "body", "answer": "body"}

    def __init__(self, *arguments, dispute, **named):
        super().__init__(*arguments, **named)
        self.dispute = dispute
        fields: dict[str, Any] = self.fields
        fields["kind"].choices = kinds_of(dispute)
        fields["to"].choices = [("", "The claimant"), *((str(each.pk), str(each)) for each in parties_of(dispute))]

    def say(self, *, by):
        chosen, to = self.cleaned_data, self.cleaned_data["to"]
        about = {"dispute_id": self.dispute.pk, "by": by}
        match chosen["kind"]:
            case Message.Kind.QUESTION:
                return operations.ask_information(question=chosen["body"], **about)
            case Message.Kind.ANSWER:
                return operations.answer_information(answer=chosen["body"], **about)
            case Message.Kind.NOTE:
                return operations.add_note(body=chosen["body"], **about)
            case _:
                return operations.post_message(body=chosen["body"], to=to or None, **about)


def kinds_of(dispute):
    """What can be said in this state. Whether it still can, the operation says."""
    found = [(Message.Kind.MESSAGE, "Message")]
    if dispute.status in {Dispute.Status.OPEN, Dispute.Status.UNDER_REVIEW}:
        found.append((Message.Kind.QUESTION, "Question"))
    if dispute.status == Dispute.Status.NEEDS_INFORMATION:
        found.append((Message.Kind.ANSWER, "Their answer"))
    return [*found, (Message.Kind.NOTE, "Internal note")]


def parties_of(dispute):
    return list(dispute.parties.all())


def conversation(dispute, parties):
    messages = dispute.messages.select_related("author", "author_key").order_by("-sent_at", "-id")[:SHOWN]
    names = {party.pk: party for party in parties}
    said = [_said(message, names.get(message.party_id)) for message in reversed(messages)]
    threads = [{"key": str(party.pk), "name": str(party), "role": party.role} for party in parties]
    for thread in threads:
        thread["count"] = sum(each["thread"] == thread["key"] for each in said)
    notes = sum(each["thread"] == "notes" for each in said)
    return {"messages": said, "threads": threads, "notes": notes, "more": len(said) == SHOWN}


def _said(message, party):
    # An answer is the claimant's, whoever enters it.
    by_house = message.is_from_house and message.kind != Message.Kind.ANSWER
    author = message.author or (message.author_key and f"key {message.author_key}") or "the system"
    return {
        "id": message.pk,
        "thread": str(message.party_id) if message.party_id else "notes",
        "party": party,
        "is_respondents": bool(party and party.role == Party.Role.RESPONDENT),
        "kind": message.kind,
        "kind_label": message.get_kind_display(),
        "css": "note" if message.kind == Message.Kind.NOTE else "house" if by_house else "party",
        "who": str(author) if by_house else str(party),
        "entered_by": None if by_house or not message.author else str(message.author),
        "body": message.body,
        "at": moment(message.sent_at),
    }
