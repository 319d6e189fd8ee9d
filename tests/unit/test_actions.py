"""The table of log actions in docs/operations.md: those of the code, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from agentd.logs.record import STANDARD_ATTRIBUTES
from agentd.supervision.report import Context
from agentd.supervisor.reports import ACTIONS

ROOT = Path(__file__).parents[2]
PRODUCTION = sorted(ROOT.glob("agentd/**/*.py"))
RESERVED = STANDARD_ATTRIBUTES | {"time", "level", "name", "message", "pid", "where", "exc_info"}
"""Of a record, and of a JSON line."""
NAME = re.compile(r"[a-z][a-z_]+")


@cache
def written() -> frozenset[str]:
    """Every action that some line of the log may have."""
    found = {f"supervisor_{context.value}" for context in Context} | set(ACTIONS.values())
    for path in PRODUCTION:
        tree = ast.parse(path.read_text())
        found.update(in_dicts(tree), in_calls(tree))
    # For that one `write_tree_report` has a name of its own.
    return frozenset(found - {f"supervisor_{Context.FAILING.value}"})


def in_dicts(tree: ast.AST) -> Iterator[str]:
    """Those of `{"action": "..."}`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "action":
                    yield from texts([value])


def in_calls(tree: ast.AST) -> Iterator[str]:
    """Those given to a function of the same module that takes an `action`."""
    takers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "action" in {arg.arg for arg in node.args.args}
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            if (called.id if isinstance(called, ast.Name) else called) in takers:
                yield from texts(node.args)


def texts(nodes: list[ast.expr]) -> Iterator[str]:
    """Constants that could be names of actions."""
    for node in nodes:
        if isinstance(node, ast.Constant) and NAME.fullmatch(str(node.value)):
            yield str(node.value)


def documented() -> set[str]:
    """Every name in the first column of the table."""
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("| action | means |")[1].split("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in first for name in re.findall(r"`([a-z_]+)`", cell)}


def renamed(tree: ast.AST) -> Iterator[str]:
    """Fields of log lines that take a name which each line has for itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if "action" in keys and not {"msg", "levelno"} <= keys:  # that is a whole record
                yield from (str(key) for key in keys & RESERVED)


def test_a_field_that_takes_a_name_of_the_line_is_found() -> None:
    """The rule is not blind."""
    assert list(renamed(ast.parse('log(extra={"action": "x", "pid": 3, "child_pid": 4})'))) == [
        "pid"
    ]


@pytest.mark.parametrize("path", PRODUCTION, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_field_of_a_line_takes_a_name_that_each_line_has(path: Path) -> None:
    """It would get an underscore, and nobody who looks for it finds it."""
    assert list(renamed(ast.parse(path.read_text()))) == []


def test_every_action_is_in_the_table() -> None:
    """A line that an operator meets is explained."""
    assert sorted(written() - documented()) == []


def test_the_table_promises_no_action_that_is_never_written() -> None:
    """Nobody waits for a line that can't come."""
    assert sorted(documented() - written()) == []
