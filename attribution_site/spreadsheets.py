"""What a file must not do to the spreadsheet that opens it."""

# A spreadsheet takes a text of a CSV that begins like this for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value):
    """A text that no spreadsheet takes for a formula; whatever is no text stays."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
