"""What axe finds on a page that keeps people out. `python -m tests.clients.node` gets axe."""

import functools
import os

import pytest
from playwright.sync_api import TimeoutError

from tests.clients import node

WIDTHS = (1440, 1024, 390)
RUN = "() => axe.run(document, {resultTypes: ['violations']})"
FITS = "() => document.documentElement.scrollWidth <= innerWidth"
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(
    each => each.getBoundingClientRect().right > innerWidth).slice(0, 5).map(each => each.outerHTML.slice(0, 200))"""
SOON = 3000  # milliseconds
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


def looks(page, name, widths=WIDTHS):
    """Serious findings at each width, light and dark; pictures for people where SCREENSHOTS names a folder."""
    found = []
    for theme in ("light", "dark"):
        page.evaluate("theme => localStorage.setItem('_x_adminTheme', JSON.stringify(theme))", theme)
        page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            try:  # pictures follow the page's width a moment later
                page.wait_for_function(FITS, timeout=SOON)
            except TimeoutError:
                pytest.fail(f"{name} is wider than {width}: {page.evaluate(TOO_WIDE)}")
            found += [f"{name} {theme} {width}: {finding}" for finding in serious_findings(page)]
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png", full_page=True)
    return found
