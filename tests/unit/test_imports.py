"""What may be loaded where: the rules that the contracts in .importlinter can't tell."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("livekit.rtc", "numpy", "openai")

HOMES = {
    "livekit.rtc": ("agentd/room/", "agentd/job/", "agentd/caller/", "agentd/doctor/probes/"),
    "numpy": ("agentd/audio/", "agentd/caller/", "agentd/doctor/probes/", "agentd/testing/"),
    "prompt_toolkit": ("agentd/console/prompt.py",),
    "rich": ("agentd/cli/",),
    "click": ("agentd/cli/",),
    "systemd": (),
    "watchfiles": ("agentd/daemon/reload.py",),
    "aiohttp": (
        "agentd/management/",
        "agentd/dispatch/connection.py",
        "agentd/dispatch/roomapi.py",
        "agentd/job/",
        "agentd/utils/http_context.py",
        "agentd/caller/",
        "agentd/models/fetch.py",
        "agentd/doctor/",
        "agentd/testing/mock_openai/",
    ),
    # daemon/describe.py asks a template one question and waits for it, with no loop running.
    "subprocess": ("agentd/supervisor/spawn.py", "agentd/daemon/describe.py", "agentd/testing/"),
    "sqlite3": ("agentd/journal/",),
    "mcp": ("agentd/llm/mcp/",),
    "opentelemetry": ("agentd/tracing/",),
    "httpx2": ("agentd/llm/mcp/",),
    "multiprocessing": (),
    "pickle": (),
}
"""The only places that know an outside library."""


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, wherever in it; relative ones left out."""
    return frozenset(names_in(ast.parse(path.read_text())))


def names_in(tree: ast.Module) -> Iterator[str]:
    """The same of a parsed file."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case _:
                pass


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_known_in_its_own_room_only(library: str) -> None:
    """Everywhere else it is behind an interface of ours."""
    strangers = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("agentd/**/*.py")
        if not str(path.relative_to(ROOT)).startswith(HOMES[library])
        and any(f"{name}.".startswith(f"{library}.") for name in imported(path))
    }

    assert strangers == set()


@pytest.mark.parametrize("module", ["agentd", "agentd.daemon.main", "agentd.child.__main__"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    """The supervisor stays small, and a child says hello before it loads media and models."""
    code = f"import sys, {module}; print(*(sys.modules.keys() & {set(HEAVY)!r}))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert loaded.stdout.split() == []


def test_the_command_line_loads_nothing_heavy() -> None:
    """The supervisor runs inside `agentd start`, so what that loads counts too."""
    code = f"import sys, agentd.cli.main; print(*(sys.modules.keys() & {set(HEAVY)!r}))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert loaded.stdout.split() == []
