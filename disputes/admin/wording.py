"""What a decision will do, in sentences: read before it is taken."""

from disputes.admin.acts import back_to

# What becomes of records: one of them, and more.
RECORDS = {
    "versions": (
        "share of a record that nobody approved is rewritten",
        "shares of records that nobody approved are rewritten",
    ),
    "new": (
        "new record is made, which has to be approved before it is paid",
        "new records are made, which have to be approved before they are paid",
    ),
    "removed": ("record is removed", "records are removed"),
    "adjustments": (
        "adjustment is booked beside a decided record",
        "adjustments are booked beside decided records",
    ),
}


def in_words(page, option):
    """`option`: what a simulation told; None where no money moves."""
    dispute = page.dispute
    money = list(_money(option)) if option else [f"No money moves. {back_to(dispute)}"]
    return [
        f"{dispute} is closed as resolved by you.",
        *money,
        *(_other(each) for each in (option["others"] if option else [])),
        *(_undone(each) for each in (option["undoes"] if option else [])),
        f"{dispute.claimant_id} is told your words and its own change; {page.others_in_words} what becomes of their own"
        " shares. Nobody is told of another's.",
        page.appeals_in_words,
    ]


def _other(each):
    moves = f": {each['moves']}" if each["moves"] else ""
    return f"The touch counts for another conversion of the lead too. {each['name']} {each['outcome']}{moves}."


def _undone(each):
    verb = "gives back what" if each["is_asked"] else "changes what"
    return f"It {verb} {each['dispute']} decided on {each['at']:%Y-%m-%d}: {each['told']}."


def _money(option):
    currency = option["currency"]
    for row in option["changed"]:
        if row["gains"] or row["loses"]:
            verb = "gains" if row["gains"] else "loses"
            change = f"{row['before']} → {row['after']}"
            yield f"{row['name']} {verb} {row['by']} {currency} of commission: {change}.{_how(row, currency)}"
    counted = [(option[name], *words) for name, words in RECORDS.items() if option[name]]
    if counted:
        yield "; ".join(f"{number} {one if number == 1 else many}" for number, one, many in counted) + "."


def _how(row, currency):
    if row["clawed_back"]:
        of = f" of {row['paid']} that are paid already" if row["paid"] else ""
        return f" {row['clawed_back']} {currency}{of} are taken back with its next payout."
    if row["booked"]:
        return f" {row['booked']} {currency} come with its next payout."
    return ""
