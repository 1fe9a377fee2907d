"""Tools that a machine may lack: a test that needs one is skipped with a loud reason; where `ALL_TOOLS` is
set, as a machine that is to check everything does, it fails."""

import os
import shutil

import pytest

from tests import browser
from tests.clients import node


def needs(is_there, lacking):
    """Asked when the test is to run."""
    return pytest.mark.needs(is_there, lacking)


needs_npm = needs(node.is_installed, node.SKIPPED)
needs_axe = needs(lambda: node.is_installed(node.IN_PAGES), node.SKIPPED)
needs_browser = needs(browser.find, browser.SKIPPED)
needs_curl = needs(lambda: shutil.which("curl"), "NO CURL: the curl examples of docs/api.md are SKIPPED. Install curl.")


def check(item):
    """What passes in CI without having run would be believed to work."""
    for mark in item.iter_markers("needs"):
        is_there, lacking = mark.args
        if is_there():
            continue
        if os.environ.get("ALL_TOOLS"):
            pytest.fail(f"With ALL_TOOLS nothing is skipped for want of a tool. {lacking}", pytrace=False)
        pytest.skip(lacking)
