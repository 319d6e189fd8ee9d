"""Exit codes of the commands that ask a running daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.cli.exits import AskExit, exit_code_of
from agentd.daemon.exits import ExitCode
from agentd.errors import AgentdError, ControlError, ControlRefused, NoDaemon, SettingsError

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoDaemon(), AskExit.NOT_RUNNING),
        (ControlRefused(), AskExit.REFUSED),
        (ControlError(), AskExit.UNHEALTHY),
        (SettingsError(), ExitCode.SETTINGS),
        (AgentdError(), ExitCode.INTERNAL),
    ],
)
def test_each_kind_of_error_has_its_code(error: AgentdError, code: int) -> None:
    """The nearest kind decides; all others are as for the daemon."""
    assert exit_code_of(error) == code


def test_no_code_means_two_things() -> None:
    """Both tables are one to a script."""
    assert not {int(code) for code in AskExit} & {int(code) for code in ExitCode}


@pytest.mark.parametrize("code", AskExit)
def test_the_manual_has_every_code(code: AskExit) -> None:
    """By number and name."""
    assert f"| {code.value} | {code.name} |" in OPERATIONS.read_text()
