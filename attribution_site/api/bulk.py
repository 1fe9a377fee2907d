"""Arrays: the good items are stored, the bad ones are named."""

from rest_framework.exceptions import ValidationError

from attribution_site.api.errors import described


def store_each(items, *, most, serializer, store):
    """The answer to an array. `store` takes the valid items and gives for each an outcome: its `id`, or the `error`
    that refuses it, and whether it `is_new` or `is_changed`; what is neither was stored just so before."""
    if len(items) > most:
        raise ValidationError(f"At most {most:,} items a call.", code="too_many")
    rows, answers = {}, {}
    for index, item in enumerate(items):
        try:
            rows[index] = serializer.run_validation(item)
        except ValidationError as error:
            answers[index] = {"index": index, "errors": described(error)}
    accepted = 0
    for index, outcome in zip(rows, store(list(rows.values())), strict=True):
        told = {"errors": described(outcome.error)} if outcome.error else {"id": outcome.id}
        answers[index] = {"index": index, **told}
        accepted += outcome.is_new or outcome.is_changed
    rejected = sum("errors" in answer for answer in answers.values())
    return {
        "accepted": accepted,
        "rejected": rejected,
        "duplicates": len(items) - accepted - rejected,
        "items": [answers[index] for index in range(len(items))],
    }
