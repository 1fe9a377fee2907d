"""What axe finds on a page that keeps people out. `python -m tests.clients.node` gets axe."""

import functools

from tests.clients import node

RUN = "() => axe.run(document, {resultTypes: ['violations']})"
SERIOUS = {"serious", "critical"}


@functools.cache
def _axe():
    return (node.IN_PAGES / "node_modules" / "axe-core" / "axe.min.js").read_text()


def serious_findings(page) -> list[str]:
    """One line for each element with a serious finding: the rule, where, and what is wrong. Empty when all is well."""
    # Evaluated and not added as a script, which the page's own rules for scripts may forbid.
    page.evaluate(_axe())
    found = page.evaluate(RUN)["violations"]
    return [
        f"{violation['id']}: {' '.join(map(str, element['target']))}: {element['failureSummary']}"
        for violation in found
        if violation["impact"] in SERIOUS
        for element in violation["nodes"]
    ]
