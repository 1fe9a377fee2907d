from django.core.exceptions import ValidationError


def refused(code: str, told: str) -> ValidationError:
    return ValidationError({"file": ValidationError(told, code=code)})


def damaged(kind: str, why: str) -> ValidationError:
    return refused("damaged", f"This is no whole {kind}: {why}.")
