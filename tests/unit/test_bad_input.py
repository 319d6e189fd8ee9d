"""The tables of docs/bad-input.md: the tests that they name exist, and so do lines and bounds."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/bad-input.md").read_text()
TEST = re.compile(r"`(?P<file>[\w/]+\.py)?::(?P<name>test_\w+)`")
BOUND = re.compile(r"\| `(?P<module>agentd[\w.]+)\.(?P<name>[A-Z_]+)` \| (?P<value>[\d.]+)")


def named_tests() -> list[tuple[str, str]]:
    """Each test with its file, which is the last one named before it."""
    found = []
    file = ""
    for match in TEST.finditer(TEXT):
        file = match["file"] or file
        found.append((file, match["name"]))
    return sorted(set(found))


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """Under that name, in that file."""
    assert f"def {name}(" in (ROOT / "tests" / file).read_text()


@pytest.mark.parametrize(("module", "name", "value"), BOUND.findall(TEXT))
def test_a_bound_is_what_the_table_says(module: str, name: str, value: str) -> None:
    """By its module and name."""
    assert getattr(importlib.import_module(module), name) == float(value)


def test_bounds_are_found() -> None:
    """So that the test above looks at something."""
    assert len(BOUND.findall(TEXT)) >= 12
