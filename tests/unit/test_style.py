"""The bars of the style guide that a linter does not know, held at a fixed number.

Each rule is a function from a parsed module to the lines that break it; `RULES` says
where it holds. A rule is tried on a snippet that breaks it, too, so that it can't go
blind.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = sorted([*ROOT.glob("agentd/**/*.py"), *ROOT.glob("plugins/*/agentd_*/**/*.py")])
EVERYTHING = sorted([*PRODUCTION, *ROOT.glob("tests/**/*.py"), *ROOT.glob("examples/*.py")])

CLOCK_NAMES = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
        "process_time", "sleep",
    },
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}  # fmt: skip
ENVIRONMENT_NAMES = {"environ", "getenv", "putenv", "unsetenv", "environb"}
SPAWNERS = {"create_task", "ensure_future", "run_coroutine_threadsafe"}
PUBLIC = {"_exit", "_current_frames"}
"""Documented functions of `os` and `sys` with a private name."""
REASON_LENGTH = 8
"""Letters that a comment needs to be a reason."""


class Module(NamedTuple):
    """One file, parsed."""

    tree: ast.Module
    comments: dict[int, str]
    """By line; the `noqa` or `type: ignore` codes stay in it."""
    comment_lines: frozenset[int]
    """Lines with nothing but a comment."""


Rule = Callable[[Module], Iterable[int]]


def parse(source: str) -> Module:
    """A module from its text."""
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lines = source.splitlines()
    alone = frozenset(line for line in comments if lines[line - 1].lstrip().startswith("#"))
    return Module(ast.parse(source), comments, alone)


@cache
def parsed(path: Path) -> Module:
    """A module from its file; every rule wants it."""
    return parse(path.read_text())


# -- the rules -------------------------------------------------------------------


def clock_reads(module: Module) -> Iterator[int]:
    """Reads of a clock, or sleeps on one, other than the event loop's."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                if name in CLOCK_NAMES.get(owner, ()):
                    yield node.lineno
            case ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=name):
                if name in CLOCK_NAMES["datetime"]:
                    yield node.lineno
            case ast.ImportFrom(module="time", names=names):
                if {alias.name for alias in names} & CLOCK_NAMES["time"]:
                    yield node.lineno
            case _:
                pass


def environment_uses(module: Module) -> Iterator[int]:
    """Uses of the process's environment."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in ENVIRONMENT_NAMES:
                yield node.lineno
            case ast.ImportFrom(module="os", names=names):
                if {alias.name for alias in names} & ENVIRONMENT_NAMES:
                    yield node.lineno
            case _:
                pass


def loose_tasks(module: Module) -> Iterator[int]:
    """Tasks that are started outside of a task group."""
    groups = set(task_groups(module.tree))
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in SPAWNERS:
                if ast.unparse(owner) not in groups:
                    yield node.lineno
            case ast.Call(func=ast.Name(id=name)) if name in SPAWNERS:
                yield node.lineno
            case _:
                pass


def task_groups(tree: ast.Module) -> Iterator[str]:
    """What task groups are called here: `async with TaskGroup() as x`, and arguments so typed."""
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=ast.Call(func=called), optional_vars=ast.Name(id=name)):
                if ast.unparse(called).endswith("TaskGroup"):
                    yield name
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                if ast.unparse(annotation).endswith("TaskGroup"):
                    yield name
            case _:
                pass


def silent_broad_excepts(module: Module) -> Iterator[int]:
    """`except Exception: pass`, and its kin."""
    for handler in broad_handlers(module.tree):
        if all(isinstance(step, ast.Pass | ast.Continue) for step in handler.body):
            yield handler.lineno


def unexplained_broad_excepts(module: Module) -> Iterator[int]:
    """`except Exception` with no reason on its line or right above or below it."""
    for handler in broad_handlers(module.tree):
        nearby = {handler.lineno - 1, handler.lineno + 1} & module.comment_lines
        told = (module.comments.get(line, "") for line in {handler.lineno} | nearby)
        if not any(is_reason(comment) for comment in told):
            yield handler.lineno


def broad_handlers(tree: ast.Module) -> Iterator[ast.ExceptHandler]:
    """Handlers of everything; one that raises again hides nothing and is left out."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {"BaseException"} if node.type is None else names_in(node.type)
        raises_again = any(isinstance(step, ast.Raise) and step.exc is None for step in node.body)
        if caught & {"Exception", "BaseException"} and not raises_again:
            yield node


def names_in(expression: ast.expr) -> set[str]:
    """Every plain name in an expression."""
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def is_reason(comment: str) -> bool:
    """Whether a comment says something beside what it turns off."""
    text = re.sub(r"noqa(: ?[A-Z]+\d+(, ?)?)*", "", comment).strip("# -:")
    return len(text) >= REASON_LENGTH


def ignores_without_code(module: Module) -> Iterator[int]:
    """`type: ignore` that would hide any error at all."""
    for line, comment in module.comments.items():
        if re.search(r"type:\s*ignore(?!\[)", comment):
            yield line


def private_reaches(module: Module) -> Iterator[int]:
    """Private names of another module, or private attributes of what is no part of this one."""
    own = set(private_definitions(module.tree))
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=owner, attr=name) if is_private(name) and name not in own:
                if not is_self(owner):
                    yield node.lineno
            case ast.ImportFrom(names=names):
                if any(is_private(alias.name) for alias in names):
                    yield node.lineno
            case _:
                pass


def private_definitions(tree: ast.Module) -> Iterator[str]:
    """Private names that this file itself defines, in whatever class."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def is_self(owner: ast.expr) -> bool:
    """Whether an attribute is one's own, or inherited."""
    match owner:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return True
        case _:
            return False


def is_private(name: str) -> bool:
    """One leading underscore, but for what is public in all but name."""
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


# -- where they hold -------------------------------------------------------------

RULES: dict[str, tuple[Rule, list[Path], set[str]]] = {
    "clocks are read in aio/timing.py only": (
        clock_reads,
        PRODUCTION,
        {"agentd/aio/timing.py"},
    ),
    "the environment is used in two modules only": (
        environment_uses,
        PRODUCTION,
        {"agentd/settings/load.py", "agentd/credentials.py"},
    ),
    "tasks are started in aio/tasks.py and task groups only": (
        loose_tasks,
        PRODUCTION,
        {"agentd/aio/tasks.py"},
    ),
    "no broad except is silent": (silent_broad_excepts, EVERYTHING, set()),
    "every broad except says why": (unexplained_broad_excepts, EVERYTHING, set()),
    "every type: ignore has a code": (ignores_without_code, EVERYTHING, set()),
    "nobody reaches for private names of another file": (
        private_reaches,
        PRODUCTION,
        {"agentd/room/native.py"},
    ),
}
"""Each rule, the files that it holds for, and the few that it does not."""

BREAKS = {
    "clocks are read in aio/timing.py only": "import time\nx = time.monotonic()",
    "the environment is used in two modules only": "import os\nx = os.environ['HOME']",
    "tasks are started in aio/tasks.py and task groups only": "asyncio.create_task(x())",
    "no broad except is silent": "try: x()\nexcept Exception: pass  # because of reasons",
    "every broad except says why": "try: x()\nexcept Exception: y()  # noqa: BLE001",
    "every type: ignore has a code": "x = y()  # type: " + "ignore",
    "nobody reaches for private names of another file": "other._thing = 1",
}
"""A snippet against each rule."""

ALLOWED = {
    "clocks are read in aio/timing.py only": "loop.time()",
    "the environment is used in two modules only": "environ = environment()",
    "tasks are started in aio/tasks.py and task groups only": (
        "async def f():\n async with asyncio.TaskGroup() as group:\n  group.create_task(x())"
    ),
    "no broad except is silent": "try: x()\nexcept KeyError: pass",
    "every broad except says why": "try: x()\n# users raise anything\nexcept Exception: y()",
    "every type: ignore has a code": "x = y()  # type: " + "ignore[misc]",
    "nobody reaches for private names of another file": "class A:\n    def f(self): self._x = 1",
}
"""A snippet within each rule."""


def is_exempt(path: Path, name: str) -> bool:
    """Whether a rule names a file as its exception."""
    return str(path.relative_to(ROOT)) in RULES[name][2]


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(name: str) -> None:
    """No file breaks it; the failure lists file and line."""
    rule, paths, _ = RULES[name]

    broken = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        if not is_exempt(path, name)
        for line in rule(parsed(path))
    ]

    assert broken == []


@pytest.mark.parametrize("name", RULES)
def test_the_rule_sees(name: str) -> None:
    """It finds the snippet that breaks it and lets the proper one pass."""
    rule = RULES[name][0]

    found, spared = list(rule(parse(BREAKS[name]))), list(rule(parse(ALLOWED[name])))

    assert found != []
    assert spared == []
