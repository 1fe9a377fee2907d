"""Reads a NACHA file by the positions that Nacha's rules list, and adds all of it up again. It shares nothing with what
writes the files."""

FILE_HEADER = {
    "type": (1, 1, "1"),
    "priority": (2, 3, "01"),
    "destination": (4, 13, None),
    "origin": (14, 23, None),
    "made_on": (24, 29, None),
    "made_at": (30, 33, None),
    "modifier": (34, 34, None),
    "record_size": (35, 37, "094"),
    "blocking": (38, 39, "10"),
    "format": (40, 40, "1"),
    "destination_name": (41, 63, None),
    "origin_name": (64, 86, None),
    "reference": (87, 94, None),
}
BATCH_HEADER = {
    "type": (1, 1, "5"),
    "service_class": (2, 4, "220"),
    "company_name": (5, 20, None),
    "discretionary": (21, 40, " " * 20),
    "company": (41, 50, None),
    "sec": (51, 53, None),
    "description": (54, 63, None),
    "descriptive_date": (64, 69, None),
    "effective_on": (70, 75, None),
    "settlement": (76, 78, "   "),
    "originator_status": (79, 79, "1"),
    "bank": (80, 87, None),
    "number": (88, 94, None),
}
ENTRY = {
    "type": (1, 1, "6"),
    "code": (2, 3, None),
    "routing": (4, 12, None),
    "account": (13, 29, None),
    "amount": (30, 39, None),
    "id": (40, 54, None),
    "name": (55, 76, None),
    "discretionary": (77, 78, "  "),
    "addenda": (79, 79, None),
    "trace": (80, 94, None),
}
ADDENDA = {
    "type": (1, 1, "7"),
    "code": (2, 3, "05"),
    "text": (4, 83, None),
    "sequence": (84, 87, "0001"),
    "entry": (88, 94, None),
}
BATCH_CONTROL = {
    "type": (1, 1, "8"),
    "service_class": (2, 4, "220"),
    "count": (5, 10, None),
    "hash": (11, 20, None),
    "debits": (21, 32, "0" * 12),
    "credits": (33, 44, None),
    "company": (45, 54, None),
    "authentication": (55, 73, " " * 19),
    "reserved": (74, 79, " " * 6),
    "bank": (80, 87, None),
    "number": (88, 94, None),
}
FILE_CONTROL = {
    "type": (1, 1, "9"),
    "batches": (2, 7, None),
    "blocks": (8, 13, None),
    "count": (14, 21, None),
    "hash": (22, 31, None),
    "debits": (32, 43, "0" * 12),
    "credits": (44, 55, None),
    "reserved": (56, 94, " " * 39),
}
KINDS = {"1": FILE_HEADER, "5": BATCH_HEADER, "6": ENTRY, "7": ADDENDA, "8": BATCH_CONTROL, "9": FILE_CONTROL}


def read(content):
    """The records as dicts, checked one by one and against each other."""
    text = content.decode("ascii")
    assert text.endswith("\r\n")
    rows = text.split("\r\n")[:-1]
    assert all(len(row) == 94 for row in rows)
    assert len(rows) % 10 == 0
    filler = [row for row in rows if row == "9" * 94]
    assert rows[len(rows) - len(filler) :] == filler
    records = [_fields(row) for row in rows[: len(rows) - len(filler)]]
    assert len(filler) < 10
    assert [records[0]["type"], records[-1]["type"]] == ["1", "9"]
    _check_batches(records)
    assert int(records[-1]["blocks"]) == len(rows) // 10
    return records


def _fields(row):
    layout = KINDS[row[0]]
    assert sum(end - start + 1 for start, end, _fixed in layout.values()) == 94
    fields = {name: row[start - 1 : end] for name, (start, end, _fixed) in layout.items()}
    for name, (_start, _end, fixed) in layout.items():
        assert fixed is None or fields[name] == fixed, (name, row)
    return fields


def _check_batches(records):
    whole = {"batches": 0, "count": 0, "hash": 0, "credits": 0}
    batch, traces = None, []
    for each in records[1:-1]:
        if each["type"] == "5":
            assert batch is None
            batch, entries, added = each, [], 0
        elif each["type"] == "6":
            digits = [int(digit) for digit in each["routing"]]
            weights = (3, 7, 1) * 3
            assert sum(a * b for a, b in zip(digits, weights, strict=True)) % 10 == 0
            assert each["code"] in {"22", "32"}
            assert each["trace"][:8] == batch["bank"]
            entries.append(each)
            traces.append(int(each["trace"]))
        elif each["type"] == "7":
            assert entries[-1]["addenda"] == "1"
            assert each["entry"] == entries[-1]["trace"][-7:]
            added += 1
        else:
            assert (each["number"], each["company"], each["bank"]) == (
                batch["number"],
                batch["company"],
                batch["bank"],
            )
            assert sum(entry["addenda"] == "1" for entry in entries) == added
            sums = {
                "count": len(entries) + added,
                "hash": sum(int(entry["routing"][:8]) for entry in entries),
                "credits": sum(int(entry["amount"]) for entry in entries),
            }
            assert (int(each["count"]), int(each["credits"])) == (sums["count"], sums["credits"])
            assert int(each["hash"]) == sums["hash"] % 10**10
            whole = {name: whole[name] + sums.get(name, 1) for name in whole}
            assert int(each["number"]) == whole["batches"]
            batch = None
    assert traces == sorted(set(traces))
    control = records[-1]
    assert int(control["hash"]) == whole.pop("hash") % 10**10
    assert {name: int(control[name]) for name in whole} == whole
