"""Choosing directories and making sure of them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agentd.errors import DirectoryUnusable
from agentd.settings.layers import flags_layer, resolve
from agentd.settings.paths import (
    MAX_SOCKET_PATH,
    Directories,
    Directory,
    Me,
    choose_directories,
    discard,
    prepare_directories,
)

ME = Me(uid=1000, pid=42)


def choose(
    environ: dict[str, str], *, flags: dict[str, str] | None = None, dev: bool = False
) -> Directories:
    return choose_directories(resolve([flags_layer(flags or {})]), environ, me=ME, dev=dev)


def plain(state: Path, runtime: Path) -> Directories:
    return Directories(
        state=Directory(setting="state_dir", path=state, origin="flag --state-dir"),
        runtime=Directory(setting="runtime_dir", path=runtime, origin="flag --runtime-dir"),
    )


SYSTEMD = {"STATE_DIRECTORY": "/var/lib/agentd:/other", "RUNTIME_DIRECTORY": "/run/agentd"}
XDG = {"XDG_STATE_HOME": "/home/me/state", "XDG_RUNTIME_DIR": "/run/user/1000"}


@pytest.mark.parametrize(
    ("flags", "environ", "state", "runtime"),
    [
        (
            {"state_dir": "/a", "runtime_dir": "/b"},
            SYSTEMD | XDG,
            ("/a", "flag --state-dir"),
            ("/b", "flag --runtime-dir"),
        ),
        (
            {},
            SYSTEMD | XDG,
            ("/var/lib/agentd", "systemd's STATE_DIRECTORY"),
            ("/run/agentd", "systemd's RUNTIME_DIRECTORY"),
        ),
        (
            {},
            XDG,
            ("/home/me/state/agentd", "XDG_STATE_HOME"),
            ("/run/user/1000/agentd", "XDG_RUNTIME_DIR"),
        ),
    ],
)
def test_settings_beat_systemd_beats_xdg(
    flags: dict[str, str],
    environ: dict[str, str],
    state: tuple[str, str],
    runtime: tuple[str, str],
) -> None:
    """Each directory says where its path came from."""
    chosen = choose(environ, flags=flags)

    assert (str(chosen.state.path), chosen.state.origin) == state
    assert (str(chosen.runtime.path), chosen.runtime.origin) == runtime


def test_without_anything_the_users_own_places_are_taken() -> None:
    """The home directory, and a folder of this user in the temporary directory."""
    chosen = choose({"XDG_STATE_HOME": "relative/is/ignored"})

    assert chosen.state.path == Path.home() / ".local/state/agentd"
    assert chosen.runtime.path.name == "agentd-1000"
    assert chosen.runtime.shared_parent == chosen.runtime.path


def test_a_dev_run_gets_directories_of_its_own() -> None:
    """It never meets the service of the same user."""
    chosen = choose(XDG, dev=True)

    assert chosen.runtime.path == Path("/run/user/1000/agentd/dev-42")
    assert chosen.state.path == choose(XDG).state.path / "dev-42"
    assert chosen.runtime.temporary
    assert chosen.state.temporary


def test_directories_that_were_asked_for_are_taken_as_they_are_in_dev() -> None:
    """An explicit path is not changed."""
    chosen = choose(XDG, flags={"runtime_dir": "/b", "state_dir": "/a"}, dev=True)

    assert (chosen.state.path, chosen.runtime.path) == (Path("/a"), Path("/b"))
    assert not chosen.runtime.temporary
    assert not chosen.state.temporary


def test_directories_are_made_for_our_eyes_only(tmp_path: Path) -> None:
    """Both are there with mode 0700 afterwards, nothing else is left, and again is fine."""
    directories = plain(tmp_path / "a" / "state", tmp_path / "run")

    prepare_directories(directories)
    prepare_directories(directories)

    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "a", tmp_path / "a/state", tmp_path / "run")
    ]
    assert modes == [0o700, 0o700, 0o700]
    assert list((tmp_path / "run").iterdir()) == []


def test_a_path_that_cant_be_a_directory_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """The error names the directory, its origin, the reason and the two ways out."""
    (tmp_path / "file").write_text("")
    directories = plain(tmp_path / "file" / "state", tmp_path / "run")

    with pytest.raises(DirectoryUnusable) as caught:
        prepare_directories(directories)

    assert str(caught.value) == (
        f"the state directory '{tmp_path}/file/state' (flag --state-dir) can't be used: "
        "Not a directory. Give a directory that this user can write with --state-dir "
        "or AGENTD_STATE_DIR."
    )


def test_a_directory_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    """It is tried, not read off the permission bits: root passes those."""
    with pytest.raises(DirectoryUnusable, match="the state directory '/proc/self/fd'"):
        prepare_directories(plain(Path("/proc/self/fd"), tmp_path / "run"))


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    """Said before anything is made."""
    deep = tmp_path / ("x" * 120)

    with pytest.raises(DirectoryUnusable, match="too long for a Unix socket"):
        prepare_directories(plain(tmp_path / "state", deep))

    assert not deep.exists()


def test_the_longest_of_our_sockets_counts(tmp_path: Path) -> None:
    """`control.sock` is longer than `agentd.sock`."""
    room = MAX_SOCKET_PATH - len(f"{tmp_path}/") - len("/agentd.sock") - 1
    fits_one = tmp_path / ("x" * room)

    with pytest.raises(DirectoryUnusable, match="with 'control.sock'"):
        prepare_directories(plain(tmp_path / "state", fits_one))


def test_a_shared_folder_that_others_can_open_is_not_trusted(tmp_path: Path) -> None:
    """Somebody else may have made /tmp/agentd-1000 before us."""
    shared = tmp_path / "a"  # short: a socket's path has an end, and pytest numbers its runs
    shared.mkdir(mode=0o755)
    runtime = Directory(
        setting="runtime_dir", path=shared / "dev-1", origin="default", shared_parent=shared
    )
    directories = Directories(
        state=Directory(setting="state_dir", path=tmp_path / "s", origin="default"),
        runtime=runtime,
    )

    with pytest.raises(DirectoryUnusable, match="can't be trusted"):
        prepare_directories(directories)


def test_a_symlink_in_a_shared_place_is_not_followed(tmp_path: Path) -> None:
    """A link that points to a good directory is still somebody's link."""
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "agentd-1000"
    link.symlink_to(target)
    runtime = Directory(setting="runtime_dir", path=link, origin="default", shared_parent=link)
    directories = Directories(
        state=Directory(setting="state_dir", path=tmp_path / "s", origin="default"),
        runtime=runtime,
    )

    with pytest.raises(DirectoryUnusable, match="can't be trusted"):
        prepare_directories(directories)


def test_only_a_temporary_runtime_directory_is_removed(tmp_path: Path) -> None:
    """Discarding may be repeated and leaves what was asked for."""
    kept = plain(tmp_path / "state", tmp_path / "run")
    temporary = Directories(
        state=kept.state,
        runtime=Directory(
            setting="runtime_dir", path=tmp_path / "dev-1", origin="default", temporary=True
        ),
    )
    prepare_directories(kept)
    prepare_directories(temporary)

    discard(kept)
    discard(temporary)
    discard(temporary)

    assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "dev-1").exists()
