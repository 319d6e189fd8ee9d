"""Where livekit-server is looked for, and what building it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.testing.livekit_binary import (
    NoLiveKitServer,
    build_once,
    cached_program,
    find_or_build,
    is_new_enough,
)


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
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\n[ $1 = env ] && echo go1.26.0 && exit\nexit 3\n")
    go.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin"}

    with pytest.raises(NoLiveKitServer, match="go install ended with 3.*Put a livekit-server on"):
        build_once(tmp_path / "livekit-server-1.11.0", environ)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("go1.26.8", True), ("go1.25", True), ("go1.24.11", False), ("", False), ("devel", False)],
)
def test_old_compilers_are_passed_over(version: str, expected: bool) -> None:
    """Debian's Go is too old for the server."""
    assert is_new_enough(version) is expected
