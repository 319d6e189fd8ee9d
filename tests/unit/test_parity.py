"""docs/parity.md: the names that it says are there are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import agentd
import agentd.plugins

TEXT = (Path(__file__).parents[2] / "docs/parity.md").read_text()
CODE = re.compile(r"`([\w.]+)`")


def cells(heading: str, columns: int) -> list[list[str]]:
    """The rows of all tables with so many columns below a heading, their first lines left out."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows if len(row) == columns]


NAMES = {
    CODE.findall(module)[0]: CODE.findall(there) for module, there, _ in cells("Names to import", 3)
}
PLUGINS = [
    (CODE.findall(plugin)[0].removeprefix("agentd.plugins."), CODE.findall(what)[0])
    for plugin, what, _ in cells("Beta and plugins", 3)
]


def test_the_tables_are_read() -> None:
    """Whatever their rows look like by now."""
    assert sum(map(len, NAMES.values())) > 200
    assert len(PLUGINS) >= 8


@pytest.mark.parametrize("module", NAMES)
def test_names_that_are_said_to_be_there_can_be_imported(module: str) -> None:
    """As `from module import name` does it."""
    loaded = importlib.import_module(module)

    assert [name for name in NAMES[module] if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", NAMES)
def test_a_name_is_the_same_thing_in_the_root(module: str) -> None:
    """An isinstance of one is true of the other."""
    loaded = importlib.import_module(module)
    shared = [name for name in NAMES[module] if name in NAMES["agentd"]]

    assert [name for name in shared if getattr(loaded, name) is not getattr(agentd, name)] == []


@pytest.mark.parametrize(("plugin", "name"), PLUGINS)
def test_a_plugin_that_is_said_to_be_there_has_its_model(plugin: str, name: str) -> None:
    """Every one that is in the workspace is in the table, too."""
    assert hasattr(agentd.plugins.load(plugin), name)
    assert {each for each, _ in PLUGINS} == set(agentd.plugins.installed())
