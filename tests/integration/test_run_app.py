"""A user's script as its own command: real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.daemon.exits import ExitCode

SCRIPT = """\
import os
from agentd import AgentServer, cli

server = AgentServer(max_jobs=7)

@server.rtc_session(agent_name="parrot")
async def entry(ctx):
    pass

if __name__ == "__main__":
    os.environ.setdefault("AGENTD_PORT", "1234")
    cli.run_app(server)
    print("not reached")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """An app that ends in cli.run_app."""
    path = tmp_path / "my app.py"
    path.write_text(SCRIPT)
    return path


def run(arguments: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AGENTD_", "LIVEKIT_"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_without_a_command_a_script_prints_help(script: Path) -> None:
    """It says what can be done and does nothing."""
    ended = run([str(script)], script.parent)

    assert ended.returncode == ExitCode.USAGE
    assert "Usage: my app.py" in ended.stderr
    assert "dev" in ended.stderr


def test_a_wrong_flag_is_told_by_the_script_itself(script: Path) -> None:
    """Before anything is started."""
    ended = run([str(script), "dev", "--no-such"], script.parent)

    assert ended.returncode == ExitCode.USAGE
    assert "No such option" in ended.stderr
    assert "not reached" not in ended.stdout


def test_what_a_script_puts_into_the_environment_counts(script: Path) -> None:
    """load_dotenv() in a script works, since the environment goes along to agentd."""
    text = script.read_text().replace('"1234"', '"no-port"')
    script.write_text(text)

    ended = run([str(script), "config"], script.parent)

    assert ended.returncode == ExitCode.SETTINGS
    assert "port: 'no-port' from environment AGENTD_PORT" in ended.stderr


def test_a_file_of_the_users_does_not_shadow_our_libraries(script: Path) -> None:
    """The working directory is not on the daemon's path."""
    (script.parent / "rich.py").write_text("raise SystemExit('shadowed')")

    ended = run(["-P", str(script), "config", "--config", "no.toml"], script.parent)

    assert ended.returncode == ExitCode.SETTINGS
    assert "shadowed" not in ended.stderr


@pytest.mark.parametrize("as_module", [False, True])
def test_a_script_prints_its_own_settings(script: Path, as_module: bool) -> None:
    """`python script.py config` and `python -m script config` show what the app sets."""
    pytest.importorskip("agentd.daemon.describe")
    module = script.rename(script.with_name("my_app.py"))
    start = ["-m", "my_app"] if as_module else [str(module)]

    ended = run([*start, "config", "--json"], module.parent)

    assert ended.returncode == ExitCode.OK, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["max_jobs"]["value"], document["max_jobs"]["from"]) == (7, "the app")
    assert document["agent_name"]["value"] == "parrot"
    assert document["port"]["from"] == "environment AGENTD_PORT"
