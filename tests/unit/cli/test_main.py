"""The command as a whole: help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from agentd import __version__
from agentd.cli.main import main, run_command
from agentd.cli.script_group import script_group
from agentd.daemon.exits import ExitCode, exit_code_for
from agentd.errors import AgentdError, AppImportFailed, AppNotFound, LiveKitRefused


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, so that no agentd.toml is met."""
    monkeypatch.chdir(tmp_path)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """--version ends well."""
    assert main(["--version"]) == ExitCode.OK
    assert __version__ in capsys.readouterr().out


def test_help_names_every_command_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The first page teaches."""
    assert main(["--help"]) == ExitCode.OK

    text = capsys.readouterr().out
    assert all(word in text for word in ("start", "dev", "config", "call", "agentd dev app.py"))


@pytest.mark.parametrize("command", ["start", "dev", "config"])
def test_every_setting_is_a_flag_under_its_section(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help is grouped as agentd.toml is."""
    assert main([command, "--help"]) == ExitCode.OK

    text = capsys.readouterr().out
    assert text.index("Settings, [pool]:") < text.index("--max-jobs") < text.index("[jobs]:")
    assert "Examples:" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["begin"], ExitCode.USAGE, "No such command 'begin'"),
        (["start"], ExitCode.USAGE, "Missing argument 'APP'"),
        (["start", "app.py", "--max-job", "1"], ExitCode.USAGE, "--max-jobs"),
        (["start", "nope.py"], ExitCode.APP, "error: there is no file 'nope.py'"),
        (["dev", "mod", "--port", "x"], ExitCode.SETTINGS, "error: port: 'x' from flag --port"),
        (["config", "--config", "no.toml"], ExitCode.SETTINGS, "'no.toml' can't be read"),
    ],
)
def test_a_mistake_gives_one_clear_error_and_its_code(
    arguments: list[str], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, without a traceback."""
    assert main(arguments) == code

    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_fault_of_ours_is_shown_without_the_keys_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Python's own traceback would tell them."""

    @click.command
    def faulty() -> None:
        raise ZeroDivisionError("Authorization: Bearer abcdefghijklmnopqrstuvwxyz")

    assert run_command(faulty, []) == ExitCode.INTERNAL

    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "ZeroDivisionError: Authorization: Bearer ***" in text
    assert text.splitlines()[-1].startswith("error: a fault of agentd")


def test_verbose_shows_our_own_frames(capsys: pytest.CaptureFixture[str]) -> None:
    """The error is still said last."""
    assert main(["start", "nope.py", "--verbose"]) == ExitCode.APP

    text = capsys.readouterr().err
    assert "agentd/settings/appref.py" in text
    assert text.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AppNotFound(), ExitCode.APP),
        (AppImportFailed("x"), ExitCode.APP),
        (LiveKitRefused(), ExitCode.LIVEKIT_REFUSED),
        (AgentdError(), ExitCode.INTERNAL),
    ],
)
def test_an_error_has_one_exit_code(error: AgentdError, code: ExitCode) -> None:
    """The nearest documented kind decides."""
    assert exit_code_for(error) is code


def test_a_script_has_the_commands_without_app(capsys: pytest.CaptureFixture[str]) -> None:
    """`python app.py dev --help` asks for no APP."""
    assert run_command(script_group(), ["dev", "--help"]) == ExitCode.OK

    text = capsys.readouterr().out
    assert "--reload" in text
    assert " APP\n" not in text.splitlines()[0]


def test_importing_the_package_loads_neither_click_nor_rich() -> None:
    """Users' scripts import it in every child."""
    code = "import sys, agentd.cli; sys.exit(any(m in sys.modules for m in ('click', 'rich')))"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=10).returncode == 0


@pytest.mark.parametrize("command", ["status", "jobs", "drain", "reload"])
def test_help_of_what_asks_a_daemon_teaches(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Examples, exit codes, and the flag that says where the daemon is."""
    assert main([command, "--help"]) == ExitCode.OK

    text = capsys.readouterr().out
    assert all(words in text for words in ("Examples:", "Exit codes", "--runtime-dir"))


@pytest.mark.parametrize("module", ["agentd.cli.main", "agentd.cli.start"])
def test_help_and_start_do_not_pay_for_other_commands(module: str) -> None:
    """`start` becomes the daemon, which lives long and needs no table in its memory."""
    # `make test` measures coverage in this process too, and coverage has modules of its own.
    code = (
        f"import sys; before = set(sys.modules); import {module}; "
        "heavy = {'rich', 'aiohttp', 'agentd.management.client', 'sqlite3'}; "
        "print(*((sys.modules.keys() - before) & heavy))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.split() == []
