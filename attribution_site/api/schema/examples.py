"""The example of every operation: a request that a test really sends, and the answer that it got.

One file each, `examples/<operation>.json`, or `<operation>-<what>.json` where there are several. `request` is written
by hand: `path`, `query` and `body`, as far as there are any. `status` and `answer` are recorded by running the tests.
"""

import functools
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "examples"


@functools.cache
def of_operations():
    """{operation: {example: content}}"""
    found: dict[str, dict] = {}
    for file in sorted(FOLDER.glob("*.json")):
        operation, _, what = file.stem.partition("-")
        found.setdefault(operation, {})[what or "example"] = json.loads(file.read_text())
    return found


def requests(operation):
    """The bodies of the operation's examples, as OpenAPI names them."""
    told = of_operations().get(operation, {})
    return {name: {"value": each["request"]["body"]} for name, each in told.items() if "body" in each["request"]}


def values_in_path(operation, parameter):
    told = of_operations().get(operation, {})
    return {name: {"value": each["request"]["path"][parameter]} for name, each in told.items()}


def answers(operation, status):
    told = of_operations().get(operation, {})
    return {name: {"value": each["answer"]} for name, each in told.items() if each.get("status") == status}
