"""The tables of waits in docs/operations.md: what they say is so, and nothing is missing."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from agentd.dispatch.connection import LinkTimings
from agentd.settings.fields import FIELDS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| [^|]+ \| `(?P<name>[\w.]+)` \| (?P<default>[\d.]+) s \|")


def rows() -> dict[str, float]:
    """Each name in the tables and its default; a wait may be in two rows, with one default."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("## Budgets")[1].split("\n## ")[0]
    found: dict[str, float] = {}
    for line in section.splitlines():
        if match := ROW.match(line):
            assert found.setdefault(match["name"], float(match["default"])) == float(
                match["default"]
            )
    return found


def default_of(name: str) -> object:
    """Of a setting, of a constant `module.NAME`, or of a Struct's field `module.Class.name`."""
    if name in FIELDS:
        return FIELDS[name].default
    path, _, last = name.rpartition(".")
    holder, _, struct = path.rpartition(".")
    if struct[0].isupper():
        owner = getattr(importlib.import_module(holder), struct)
        return next(field.default for field in fields(owner) if field.name == last)
    return getattr(importlib.import_module(path), last)


def timeouts() -> set[str]:
    """Every constant of a module that is called a timeout."""
    found = set()
    for path in ROOT.glob("agentd/**/*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found |= {f"{module}.{name}" for name in names if name.endswith("_TIMEOUT")}
    return found


@pytest.mark.parametrize("name", sorted(rows()))
def test_a_wait_has_the_default_that_the_table_says(name: str) -> None:
    """A setting by its name, a constant or a field by its module and name."""
    assert default_of(name) == rows()[name]


def test_every_setting_in_seconds_is_in_a_table() -> None:
    """A new one can't be forgotten."""
    seconds = {name for name, field in FIELDS.items() if field.kind == "SECONDS"}

    assert len(seconds) > 15
    assert seconds - rows().keys() == set()


def test_every_constant_that_is_a_timeout_is_in_a_table() -> None:
    """Nor can one without a setting."""
    assert len(timeouts()) > 25
    assert sorted(timeouts() - rows().keys()) == []


def test_every_timeout_of_the_link_is_in_a_table() -> None:
    """They are fields of a Struct, not constants."""
    names = {field.name for field in fields(LinkTimings) if field.name.endswith("_timeout")}

    assert {f"{LinkTimings.__module__}.LinkTimings.{name}" for name in names} <= rows().keys()
