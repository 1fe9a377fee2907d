"""The invented disputes, as a table: what is claimed, how long ago, and how it went."""

from typing import NamedTuple

REASONS = {
    "partner": "The visitor came by our comparison page first; the referral was booked to somebody else.",
    "broker": "This was our adviser's client: the call is in our log, with the time and the adviser's name.",
    "channel": "It is booked as paid search. The visitor used the link in our newsletter.",
    "amount": "Our agreement gives more for a bound policy than what was credited here.",
    "duplicate": "One visit is counted twice: two touches within a minute, with the same session.",
    "missing": "Our adviser met the client at the spring fair. That conversation is not in the journey.",
    "other": "The lead asked us in writing to be looked after by us alone. Please look at this one by hand.",
}
RESOLVED = {
    "exclude": "The second touch is the same visit again. It is taken out and the others share by the rule.",
    "reassign": "The log and the session agree: the touch is the claimant's.",
    "split": "Both had a part in it: the adviser's call followed the page within the hour. Each gets half.",
    "claimed": "The agreement of the spring says so. The share is set to what is claimed.",
    "insert": "The list of the fair has the lead's name and the time. The conversation is inserted.",
    "words": "The claim is right, and what it leads to was corrected with the last calculation already.",
}
REJECTED = {
    "record_is_right": "The touch is booked to the channel that its link names, and the click id agrees.",
    "not_proven": "The log that was sent has another day and no session. Nothing else shows the visit.",
    "outside_rules": "The visit was a hundred days before the sale, and ninety count.",
    "no_answer": "We asked for the call's recording twice and had no answer.",
    "already_decided": "The same visit was decided on in an earlier dispute.",
    "false_evidence": "The screenshot shows a page that did not exist on that day.",
}
QUESTION = "Please send the log of that day with the session's id, and who took the call."
ANSWER = "Here it is: 14:32 local time, session as on the screenshot. The adviser's note is in the file."
NOTE = "The session ids agree with the journey. I want to see the original before I decide."


class Case(NamedTuple):
    """`days` ago it was filed. `end`: open, review, asked, answered, withdrawn, a way to resolve, a reason to reject.
    `record`: what became of the record before. `took` working hours until it was closed."""

    type: str
    days: float
    end: str
    record: str = "calculated"
    took: float = 0
    appeal: str = ""
    file: bool = False


CASES = [
    Case("duplicate", 0.3, "open"),
    Case("channel", 0.9, "open", file=True),
    Case("amount", 1.8, "open", record="approved"),
    Case("missing", 2.2, "open"),
    Case("partner", 3, "open"),
    Case("other", 9, "open"),
    Case("broker", 12, "open", file=True),
    Case("channel", 1.2, "review"),
    Case("amount", 2.6, "review", file=True),
    Case("duplicate", 3.4, "review", record="paid"),
    Case("broker", 4.1, "review"),
    Case("missing", 4.8, "review"),
    Case("partner", 10, "review", file=True),
    Case("amount", 15, "review", record="approved"),
    Case("channel", 3.2, "asked"),
    Case("broker", 5, "asked"),
    Case("other", 11, "asked"),
    Case("duplicate", 4, "answered", file=True),
    Case("amount", 5.5, "answered", file=True),
    Case("missing", 8, "answered"),
    Case("duplicate", 12, "exclude", took=9),
    Case("duplicate", 25, "exclude", record="approved", took=21),
    Case("partner", 16, "reassign", took=14, file=True),
    Case("broker", 22, "reassign", record="paid", took=30),
    Case("partner", 31, "reassign", took=52, appeal="open"),
    Case("broker", 18, "split", took=12, file=True),
    Case("partner", 40, "split", record="approved", took=35),
    Case("amount", 27, "claimed", took=26),
    Case("amount", 45, "claimed", record="paid", took=44, file=True),
    Case("missing", 20, "insert", took=33),
    Case("missing", 36, "insert", took=18),
    Case("other", 29, "words", took=7),
    Case("channel", 14, "record_is_right", took=11),
    Case("partner", 19, "not_proven", took=38, file=True),
    Case("broker", 24, "outside_rules", took=8),
    Case("amount", 33, "no_answer", took=60),
    Case("duplicate", 38, "already_decided", took=5),
    Case("other", 50, "false_evidence", took=48, file=True),
    Case("channel", 28, "not_proven", took=16, appeal="reassign"),
    Case("amount", 9, "withdrawn", took=6),
    Case("channel", 43, "withdrawn", took=13),
]
