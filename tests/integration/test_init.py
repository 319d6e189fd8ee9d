"""`agentd init` and `agentd completion`: what they write works where it is put."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentd.caller.script_file import read_script
from agentd.cli.init import KINDS, MAX_NAME, project
from agentd.cli.main import COMMANDS, main
from tests.support.daemon import plain_environment

BIN = Path(sys.executable).parent


def run(
    *command: str, cwd: Path, typed: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """A command, until it ends."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=plain_environment() | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environ,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# -- init --------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", KINDS)
def test_a_new_project_passes_its_own_tests(template: str, tmp_path: Path) -> None:
    """By pytest, where it was written; and it is as tidy as this repository."""
    assert main(["init", str(tmp_path / "front-desk"), "--template", template]) == 0
    made = tmp_path / "front-desk"

    tested = run(sys.executable, "-m", "pytest", "-q", cwd=made)

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
    checked = run(sys.executable, "-m", "ruff", "check", "--isolated", ".", cwd=made)
    assert checked.returncode == 0, checked.stdout
    described = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert described["name"] == "front-desk"
    assert read_script(made / "talk.yaml").agent == "front-desk"
    assert "$" not in "".join(project("x", template)["agent.py"])


def test_a_new_agent_can_be_talked_to(tmp_path: Path) -> None:
    """Right away, in the console, by the name of its directory."""
    assert main(["init", str(tmp_path / "shop")]) == 0

    talked = run(
        "agentd", "console", "agent.py", "--text", cwd=tmp_path / "shop", typed="open on sunday?\n"
    )

    assert talked.returncode == 0, talked.stderr
    assert "agent: Hello! Ask me when we are open." in talked.stdout
    assert "agent: On sunday: closed." in talked.stdout


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a directory that has something in it, nor where a file is."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "agent.py").write_text("mine")
    (tmp_path / "file").write_text("mine")

    assert main(["init", str(tmp_path / "full")]) == 8
    assert main(["init", str(tmp_path / "file")]) == 8

    told = capsys.readouterr().err
    assert "is not empty, and nothing in it is written over" in " ".join(told.split())
    assert "is no directory" in told
    assert (tmp_path / "full" / "agent.py").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["agent.py"]


@pytest.mark.parametrize(
    "name", ["Shop", "1shop", "shop_1", "-shop", "a--b", "", "x" * (MAX_NAME + 1)]
)
def test_a_name_that_no_package_can_have_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written."""
    assert main(["init", str(tmp_path / "new"), "--name", name]) == 2
    assert "can't be a project's name" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_made_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With its path."""
    assert main(["init", "/proc/nowhere", "--name", "shop"]) == 8
    assert "could not be written" in capsys.readouterr().err


# -- completion --------------------------------------------------------------------------------


def completed(words: str, cwd: Path) -> list[str]:
    """What a real bash offers at the end of a line, with agentd's completion sourced."""
    typed = words.split(" ")
    line = " ".join(word or "''" for word in typed)
    ask = (
        'eval "$(agentd completion bash)" && complete -p agentd >/dev/null'
        f" && COMP_WORDS=({line}) && COMP_CWORD={len(typed) - 1}"
        ' && _agentd_completion agentd && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = run("bash", "--norc", "-c", ask, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """In a shell that has sourced what `agentd completion bash` prints."""
    assert completed("agentd con", tmp_path) == ["console", "config"]
    assert set(completed("agentd ", tmp_path)) == set(COMMANDS)
    assert completed("agentd console --te", tmp_path) == ["--text"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_their_own(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checked by the shell itself where there is one."""
    assert main(["completion", shell]) == 0

    script = capsys.readouterr().out
    assert f"_AGENTD_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    assert main(["completion", "csh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
