"""Which error gives which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd import errors
from agentd.daemon.exits import ExitCode, exit_code_for

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.AppNotFound(), ExitCode.APP),
        (errors.AppImportFailed("x"), ExitCode.APP),
        (errors.NoEntrypoint(), ExitCode.APP),
        (errors.TemplateError(), ExitCode.APP),
        (errors.SettingsError(), ExitCode.SETTINGS),
        (errors.LiveKitRefused(), ExitCode.LIVEKIT_REFUSED),
        (errors.LiveKitUnreachable(), ExitCode.LIVEKIT_UNREACHABLE),
        (errors.PortBusy(), ExitCode.PORT_BUSY),
        (errors.DirectoryUnusable(), ExitCode.DIRECTORY),
        (errors.AlreadyRunning(), ExitCode.DIRECTORY),
        (RuntimeError(), ExitCode.INTERNAL),
    ],
)
def test_each_kind_of_error_has_its_code(error: Exception, code: ExitCode) -> None:
    """What the user has to mend is told apart from a bug."""
    assert exit_code_for(error) == code


@pytest.mark.parametrize("code", ExitCode)
def test_the_manual_has_every_code(code: ExitCode) -> None:
    """By number and name."""
    assert f"| {code.value} | {code.name} |" in OPERATIONS.read_text()
