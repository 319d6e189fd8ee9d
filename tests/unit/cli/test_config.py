"""`agentd config`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agentd.cli.main import main


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but the test's own."""
    for name in list(os.environ):
        if name.startswith(("AGENTD_", "LIVEKIT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def test_each_value_is_printed_with_where_it_came_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flag, environment, file and default, in one table."""
    Path("agentd.toml").write_text("[http]\nport = 9000")
    monkeypatch.setenv("LIVEKIT_URL", "ws://localhost:7880")

    assert main(["config", "--max-jobs", "3"]) == 0

    text = capsys.readouterr().out
    rows = {line.split()[1]: line.split("│")[2:4] for line in text.splitlines() if "│" in line}
    found = {name: [cell.strip() for cell in cells] for name, cells in rows.items()}
    assert found["max_jobs"] == ["3", "flag --max-jobs"]
    assert found["url"] == ["ws://localhost:7880", "environment LIVEKIT_URL"]
    assert found["port"] == ["9000", "agentd.toml [http]"]
    assert found["host"] == ["127.0.0.1", "default"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_secrets_are_masked(form: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In both forms."""
    assert main(["config", "--api-secret", "s3cret", *form]) == 0

    text = capsys.readouterr().out
    assert "s3cret" not in text
    assert "********" in text


def test_json_keeps_the_types(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: numbers are numbers."""
    assert main(["config", "--dev", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["drain_timeout"] == {"section": "jobs", "value": 0.0, "from": "dev default"}


def test_a_variable_that_sets_nothing_is_noted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, so that JSON stays JSON."""
    monkeypatch.setenv("AGENTD_MAX_JOB", "3")

    assert main(["config", "--json"]) == 0

    assert "did you mean AGENTD_MAX_JOBS?" in capsys.readouterr().err
