"""docs/parity.md: the names that it says are there are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import agentd.plugins

TEXT = (Path(__file__).parents[2] / "docs/parity.md").read_text()
CODE = re.compile(r"`([\w.]+)`")


def cells(heading: str, columns: int) -> list[list[str]]:
    """The rows of all tables with so many columns below a heading, their first lines left out."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows if len(row) == columns]


NAMES = [
    (CODE.findall(module)[0], name)
    for module, there, _ in cells("Names to import", 3)
    for name in CODE.findall(there)
]
PLUGINS = [
    (CODE.findall(plugin)[0].removeprefix("agentd.plugins."), CODE.findall(what)[0])
    for plugin, what, _ in cells("Beta and plugins", 3)
]


def test_the_tables_are_read() -> None:
    """Whatever their rows look like by now."""
    assert len(NAMES) > 200
    assert len(PLUGINS) >= 8


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_that_is_said_to_be_there_can_be_imported(module: str, name: str) -> None:
    """As `from module import name` does it."""
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_is_the_same_thing_wherever_it_is_imported_from(module: str, name: str) -> None:
    """An isinstance of one is true of the other."""
    thing = getattr(importlib.import_module(module), name)
    others = [
        getattr(importlib.import_module(other), name)
        for other, same in NAMES
        if same == name and is_shared(module) and is_shared(other)
    ]

    assert all(other is thing for other in others)


def is_shared(module: str) -> bool:
    """Whether its names mean the same as in the root; each kind of model has a StreamAdapter."""
    rooms = ("agentd.stt", "agentd.tts", "agentd.llm", "agentd.tokenize", "agentd.utils")
    return not module.startswith(rooms)


@pytest.mark.parametrize(("plugin", "name"), PLUGINS)
def test_a_plugin_that_is_said_to_be_there_has_its_model(plugin: str, name: str) -> None:
    """Every one that is in the workspace is in the table, too."""
    assert hasattr(agentd.plugins.load(plugin), name)
    assert {each for each, _ in PLUGINS} == set(agentd.plugins.installed())
