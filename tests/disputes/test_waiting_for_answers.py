"""A question waits for its answer, but not for ever."""

import datetime as dt

import pytest
from django.utils import timezone

from disputes import operations
from disputes.models import Dispute
from disputes.tasks import remind_of_disputes
from tests.disputes.worlds import decider, file, house, records, sold

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def always_open(settings):
    settings.BUSINESS_DAYS, settings.BUSINESS_HOURS = "mon-sun", "00:00-24:00"
    settings.DISPUTE_SLA_HOURS, settings.DISPUTE_ANSWER_HOURS = 40, 48


@pytest.fixture
def mails(monkeypatch):
    """Which task is queued for which event."""
    found = []

    def queue(task, *arguments):
        found.append((task.__name__, *arguments[1:]))

    for module in ("announcing", "operations.reminders"):
        monkeypatch.setattr(f"disputes.{module}.queue_on_commit", queue)
    return found


@pytest.fixture
def asked(mails):
    person = decider(email="ana@example.com")
    dispute = file(records(sold())[0])
    operations.assign_dispute(dispute_id=dispute.pk, to=person, by=house(person))
    operations.ask_information(dispute_id=dispute.pk, question="Which call?", by=house(person))
    mails.clear()
    return Dispute.objects.get()


def moved(dispute, **times):
    Dispute.objects.filter(pk=dispute.pk).update(**times)


def test_an_answer_has_a_due_date_and_before_it_the_question_is_told_again_once(asked, mails):
    in_two_days = timezone.now() + 48 * HOUR
    assert abs(asked.answer_due_at - in_two_days) < HOUR
    remind_of_disputes()
    assert mails == []
    moved(asked, answer_due_at=timezone.now() + 23 * HOUR)
    for _ in range(2):
        remind_of_disputes()
    assert mails == [("mail_party", "dispute.information_requested")]
    assert Dispute.objects.get().status == "needs_information"


def test_what_is_not_answered_in_time_goes_on_by_itself_and_whoever_has_it_is_told(asked, mails):
    moved(asked, answer_due_at=timezone.now() - HOUR, due_at=timezone.now() - 100 * HOUR)
    remind_of_disputes()
    gone_on = Dispute.objects.get()
    assert (gone_on.status, gone_on.answer_due_at, gone_on.time_left) == ("under_review", None, None)
    assert gone_on.due_at > timezone.now() + 39 * HOUR
    assert mails == [("mail_people", "unanswered", ["ana@example.com"])]
    assert "Goes on without an answer" in gone_on.messages.get(kind="note").body
    remind_of_disputes()
    assert len(mails) == 1


def test_one_that_was_overdue_at_the_question_is_escalated_again(asked, mails):
    over = timezone.now() - HOUR
    moved(asked, answer_due_at=over, due_at=over, time_left=-HOUR, escalated_at=over, reminded_at=over)
    remind_of_disputes()
    assert [mail[:2] for mail in mails] == [
        ("mail_people", "unanswered"),
        ("mail_people", "due"),
        ("mail_people", "overdue"),
    ]


def test_after_an_answer_it_is_reminded_of_its_new_due_date(asked):
    moved(asked, reminded_at=timezone.now(), escalated_at=timezone.now())
    operations.answer_information(dispute_id=asked.pk, answer="The one at noon.", by=house())
    now = Dispute.objects.get()
    assert (now.reminded_at, now.escalated_at, now.answer_due_at) == (None, None, None)
