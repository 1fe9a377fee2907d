"""Where ALL_TOOLS is set a test that lacks its tool fails; elsewhere it is skipped, and says why."""

import re
from pathlib import Path

import pytest

from tests import tools

TESTS = Path(__file__).parents[1]


class Item:
    def __init__(self, is_there):
        self.mark = tools.needs(lambda: is_there, "NO SUCH TOOL: install it.").mark

    def iter_markers(self, name):
        return [self.mark] if self.mark.name == name else []


def test_where_all_are_asked_for_what_lacks_its_tool_fails(monkeypatch):
    monkeypatch.setenv("ALL_TOOLS", "true")
    with pytest.raises(pytest.fail.Exception, match="NO SUCH TOOL"):
        tools.check(Item(is_there=False))


@pytest.mark.parametrize("said", [None, ""])
def test_elsewhere_it_is_skipped_and_says_why(monkeypatch, said):
    monkeypatch.delenv("ALL_TOOLS", raising=False)
    if said is not None:
        monkeypatch.setenv("ALL_TOOLS", said)
    with pytest.raises(pytest.skip.Exception, match="NO SUCH TOOL"):
        tools.check(Item(is_there=False))


@pytest.mark.parametrize("ci", ["", "true"])
def test_with_its_tool_it_runs(monkeypatch, ci):
    monkeypatch.setenv("ALL_TOOLS", ci)
    assert tools.check(Item(is_there=True)) is None


def test_every_test_that_may_lack_a_tool_says_so_in_this_way():
    own = {TESTS / "tools.py", Path(__file__)}
    skips = r"skip.*(node|npm|curl|browser|accessibility)|(node|browser)\.SKIPPED"
    found = [path.name for path in TESTS.rglob("*.py") if path not in own and re.search(skips, path.read_text())]
    assert found == []
