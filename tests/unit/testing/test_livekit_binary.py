"""Where livekit-server is looked for, and what building it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentd.testing.livekit_binary import (
    NoLiveKitServer,
    build_once,
    cached_program,
    find_or_build,
    installer,
    is_new_enough,
    locked,
)

SECOND_BUILDER = """\
import sys
from pathlib import Path
from agentd.testing.livekit_binary import build_once
print(build_once(Path(sys.argv[1]), {"PATH": ""}))
"""


def fake_go(folder: Path, install: str) -> dict[str, str]:
    """An environment with a Go whose `install` is this line of shell."""
    go = folder / "go"
    go.write_text(f"#!/bin/sh\n[ $1 = env ] && echo go1.26.0 && exit\n{install}\n")
    go.chmod(0o755)
    return {"PATH": f"{folder}:/bin:/usr/bin"}


def test_a_server_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user installed wins over the cache."""
    program = tmp_path / "livekit-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    found = find_or_build()

    assert found == program


def test_the_cache_is_taken_before_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A built server is built once."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = tmp_path / "agentd" / "livekit-server-1.11.0"
    program.parent.mkdir()
    program.touch()

    found = find_or_build()

    assert found == program


def test_a_relative_cache_home_is_ignored() -> None:
    """The XDG specification says so."""
    program = cached_program({"XDG_CACHE_HOME": "here"})

    assert program == Path.home() / ".cache/agentd/livekit-server-1.11.0"


def test_a_cache_that_cannot_be_written_names_the_remedy(tmp_path: Path) -> None:
    """A file where the folder should be: the error says what to set."""
    (tmp_path / "agentd").touch()

    with pytest.raises(NoLiveKitServer, match="Set XDG_CACHE_HOME"):
        build_once(tmp_path / "agentd" / "livekit-server-1.11.0", {"PATH": ""})


def test_a_build_that_fails_names_the_remedy(tmp_path: Path) -> None:
    """A Go that fails: the error says which step, and what else can be done."""
    environ = fake_go(tmp_path, "exit 3")

    with pytest.raises(NoLiveKitServer, match="go install ended with 3.*Put a livekit-server on"):
        build_once(tmp_path / "livekit-server-1.11.0", environ)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("go1.26.8", True), ("go1.25", True), ("go1.24.11", False), ("", False), ("devel", False)],
)
def test_old_compilers_are_passed_over(version: str, expected: bool) -> None:
    """Debian's Go is too old for the server."""
    assert is_new_enough(version) is expected


def test_a_build_leaves_the_program_and_no_litter(tmp_path: Path) -> None:
    """What Go installs is moved to its place in one step."""
    environ = fake_go(tmp_path, 'echo built > "$GOBIN/server"')
    program = tmp_path / "cache" / "livekit-server-1.11.0"

    found = build_once(program, environ)

    assert found.read_text() == "built\n"
    assert sorted(path.name for path in program.parent.iterdir()) == [
        "livekit-server-1.11.0",
        "livekit-server-1.11.0.lock",
    ]


def test_of_two_builders_one_waits_for_the_other(tmp_path: Path) -> None:
    """The second says so, and takes what the first has built."""
    program = tmp_path / "livekit-server-1.11.0"
    command = [sys.executable, "-c", SECOND_BUILDER, str(program)]
    pipe = subprocess.PIPE

    with locked(tmp_path / "livekit-server-1.11.0.lock"):
        second = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        assert second.stderr is not None
        said = second.stderr.readline()
        program.touch()
    found, _ = second.communicate(timeout=30)

    assert "another process is building" in said
    assert found.strip() == str(program)


def test_pip_installs_go_where_there_is_no_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venv that pip made has no uv."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    command = installer({"PATH": str(tmp_path)})

    assert command == [str(tmp_path / "python"), "-m", "pip"]
