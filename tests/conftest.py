"""What every tier needs: short directories, one real LiveKit server, and nothing left running."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agentd.testing.livekit_server import LiveKitServer, find_or_build

MARK = "PYTEST_RUN_ID"
"""Processes of this run carry it in their environment, also those whose parent has died."""

ENDING_TIMEOUT = 3.0
"""Seconds for processes that are ending anyway when the last test is over."""


def pytest_sessionstart() -> None:
    """Mark this run, before any process is started."""
    os.environ[MARK] = uuid.uuid4().hex


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or build livekit-server now: a build takes longer than a test may."""
    wanted = any("livekit_server" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        assert capture is not None
        with capture.global_and_fixture_disabled():
            find_or_build()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it leaves a process behind, and end that process."""
    _, left = psutil.wait_procs(processes_of_this_run(), timeout=ENDING_TIMEOUT)
    if not left:
        return
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None
    reporter.write_line("")
    for process in left:
        reporter.write_line(f"LEFT BEHIND: {describe(process)}", red=True)
        kill(process)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


def processes_of_this_run() -> list[psutil.Process]:
    """Our descendants, and what carries our mark and lost its parent; zombies have ended."""
    me = psutil.Process()
    mine = set(me.children(recursive=True))
    marked = {process for process in psutil.process_iter() if is_marked(process)}
    return [process for process in (mine | marked) - {me} if not has_ended(process)]


def is_marked(process: psutil.Process) -> bool:
    """Whether a process inherited this run's mark."""
    try:
        return process.environ().get(MARK) == os.environ[MARK]
    except (psutil.Error, OSError):  # it is somebody else's, or just ended
        return False


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of a process is left but its exit status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def describe(process: psutil.Process) -> str:
    """What a process is, for whoever looks for the test that started it."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)


def kill(process: psutil.Process) -> None:
    """End a process that should not be there; it may just have ended by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.fixture(scope="session")
def livekit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    """A real LiveKit server for the whole run; tests take rooms and agent names of their own."""
    log_path = tmp_path_factory.mktemp("livekit") / "livekit.log"
    with LiveKitServer(log_path=log_path) as server:
        yield server


@pytest.fixture
def workdir() -> Iterator[Path]:
    """An empty directory with a short path: a Unix socket's must stay under 108 bytes."""
    path = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
