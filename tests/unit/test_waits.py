"""The table of waits in docs/operations.md: what it says is so, and nothing is missing."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from agentd.settings.fields import FIELDS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<wait>[^|]+) \| `(?P<name>[\w.]+)` \| (?P<default>[\d.]+) s \| [^|]+ \|$")

NO_WAITS = {
    "journal_max_age", "retry_max_delay", "stable_after", "restart_max_delay", "resume_period",
    "blocked_warning", "reconcile_interval",
}  # fmt: skip
"""Settings in seconds that nobody waits for: ages, pauses and periods."""


def rows() -> dict[str, float]:
    """Each name in the table and its default."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("## Budgets")[1].split("\n## ")[0]
    found = [ROW.match(line) for line in section.splitlines()]
    return {match["name"]: float(match["default"]) for match in found if match}


@pytest.mark.parametrize("name", sorted(rows()))
def test_a_wait_has_the_default_that_the_table_says(name: str) -> None:
    """A setting by its name, a constant by its module and name."""
    module, _, constant = name.rpartition(".")
    actual = getattr(importlib.import_module(module), constant) if module else FIELDS[name].default

    assert actual == rows()[name]


def test_every_setting_that_is_waited_for_is_in_the_table() -> None:
    """A new one can't be forgotten."""
    seconds = {name for name, field in FIELDS.items() if field.kind == "SECONDS"}

    assert seconds - NO_WAITS - rows().keys() == set()


def test_the_table_was_read() -> None:
    """A change of its form must not make it look empty."""
    assert len(rows()) > 30
