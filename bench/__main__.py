"""Every benchmark in a row, and one table of what they measured: `make bench`.

    python -m bench [--full]

`--full` takes the curve of the calculation up to five million records and the report over four months of history, and
lists over ten million rows.
"""

import argparse
import os

from bench import (
    calculate_meanwhile,
    calculation,
    disputes,
    import_rows,
    ingestion,
    lists,
    markov,
    one_lead,
    payouts,
    report,
)


def table(figures):
    verdict = {True: "yes", False: "NO", None: "-"}
    lines = [("figure", "goal", "measured", "holds")]
    lines += [(each.name, each.goal, each.measured, verdict[each.holds]) for each in figures]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    full = parser.parse_args().full
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before we begin", flush=True)
    sizes = (10_000, 100_000, 1_000_000, *([5_000_000] if full else []))
    figures = [
        *one_lead.measure(),
        *report.measure(history=4 if full else 0),
        *import_rows.measure(),
        *ingestion.measure(),
        *calculate_meanwhile.measure(),
        *disputes.measure(),
        *payouts.measure(),
        *lists.measure(rows=10_000_000 if full else 1_000_000),
        *markov.measure(journeys=(1_000_000, 10_000_000) if full else (1_000_000,)),
        *calculation.measure(sizes=sizes, rounds=3 if full else 2),
    ]
    print(table(figures))
    return 1 if any(each.holds is False for each in figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
