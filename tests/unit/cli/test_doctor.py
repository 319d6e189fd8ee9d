"""`agentd doctor` as a command: its flags, its table, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentd.cli.console import output_console
from agentd.cli.doctor_table import print_report
from agentd.cli.exits import DoctorExit
from agentd.cli.main import main
from agentd.daemon.exits import ExitCode
from agentd.doctor.catalogue import CHECKS
from agentd.doctor.finding import CheckReport, Report

ONE = ("--only", "uvloop", "--only", "python-version")


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without a configuration."""
    monkeypatch.chdir(tmp_path)


def test_the_checks_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, and none is run."""
    code = main(["doctor", "--list"])

    out = capsys.readouterr().out
    assert code == ExitCode.OK
    assert all(check.id in out for check in CHECKS)


def test_an_unknown_check_is_a_mistake_in_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """With the likely one."""
    code = main(["doctor", "--skip", "clok"])

    assert code == ExitCode.USAGE
    assert "did you mean 'clock'" in capsys.readouterr().err


def test_json_is_one_object_with_verdict_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else on standard output."""
    code = main(["doctor", "--json", *ONE])

    document = json.loads(capsys.readouterr().out)
    assert code == ExitCode.OK
    assert document["verdict"] == "ok"
    assert [each["id"] for each in document["checks"]] == ["uvloop", "python-version"]
    assert {"verdict", "evidence", "remedy", "group", "looks_at", "seconds", "fixed"} <= set(
        document["checks"][0]
    )


def test_an_app_that_is_not_there_and_a_bad_setting_are_findings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They end other commands; here the rest is looked at all the same."""
    code = main(
        ["doctor", "no_such_app.py", "--max-jobs", "none", "--json", "--only", "app-imports",
         "--only", "settings", *ONE]
    )  # fmt: skip

    checks = {each["id"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert code == DoctorExit.FAILURES
    assert "no_such_app.py" in checks["app-imports"]["evidence"]
    assert "max_jobs: 'none' from flag --max-jobs" in checks["settings"]["evidence"]
    assert checks["uvloop"]["verdict"] == "ok"


def test_people_see_what_to_do_in_full(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remedy is not broken over lines, so that it can be copied."""
    monkeypatch.setenv("COLUMNS", "60")
    remedy = "sysctl -w net.core.rmem_default=262144 net.core.rmem_max=2500000"
    checks = [
        CheckReport(id="a", group="python", looks_at="x", verdict="ok", evidence="[well]"),
        CheckReport(
            id="b", group="machine", looks_at="x", verdict="warning", evidence="small",
            remedy=remedy, fixed="made '/x'",
        ),
    ]  # fmt: skip

    print_report(
        output_console(),
        Report(verdict="warning", seconds=1.0, version="1", checks=tuple(checks)),
    )

    out = capsys.readouterr().out
    assert f"warning b: {remedy}" in out
    assert "fixed b: made '/x'" in out
    assert "[well]" in out
    assert "verdict: warning (1 ok, 1 warning) in 1.0 s" in out
