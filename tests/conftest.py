"""What every tier needs: short directories, a real LiveKit server, and nothing left running.

With pytest-xdist (`make test`) the hooks run in each worker, and in the main process, which runs
no test itself and has the last word on what was left running.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import coverage
import pytest
from hypothesis import HealthCheck, settings

from agentd.resilience import forget_circuits
from agentd.testing.livekit_server import LiveKitServer, find_or_build
from tests.support.leftovers import descendants, end_all, mark_this_run, marked

TESTS = Path(__file__).parent

MEASURED = (
    "integration/supervisor/test_jobs.py",
    "integration/supervisor/test_model_host.py",
    "integration/supervisor/test_template.py",
    "integration/test_control_commands.py",
    "integration/test_lonely_child.py",
    "integration/test_run_app.py",
    "integration/test_stacks.py",
    "server/test_adoption.py",
    "server/test_daemon_commands.py",
    "server/test_daemon_health.py",
    "server/test_daemon_jobs.py",
    "server/test_daemon_reload.py",
    "server/test_livekit_server.py",
    "unit",
)
"""Where processes that tests start are measured for coverage, as the tests themselves are.

Between them they come by nearly all lines that the others come by. Measuring doubles what a start
costs, and starts are most of what this suite does.
"""

LEFT = "left_running"
"""Under this name a worker hands over what its tests have left running."""

left_in_workers: list[str] = []

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("agentd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("agentd")


class Worker(Protocol):
    """A worker of pytest-xdist that is down, as the main process knows it."""

    workeroutput: dict[str, list[str]]
    """What it handed over; not there if it crashed."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Mark this run, before any process is started; workers inherit the mark."""
    if handed_over(session.config) is None:
        mark_this_run()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A script's background job ignores Ctrl+C, and so would all that tests start and interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or build livekit-server now: a build takes longer than a test may.

    Of several workers one builds, and the others wait for it.
    """
    wanted = any("livekit_server" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        assert capture is not None
        with capture.global_and_fixture_disabled():
            find_or_build()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it leaves a process behind, and end that process.

    A worker looks at its own descendants, since others are still at work; the main process comes
    last and looks at all that carries the mark.
    """
    worker = handed_over(session.config)
    if worker is not None:
        worker[LEFT] = end_all(descendants())
        save_measurement()
        return
    left = left_in_workers + end_all(descendants() | marked())
    if not left:
        return
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None
    reporter.write_line("")
    for description in left:
        reporter.write_line(f"LEFT BEHIND: {description}", red=True)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take over what a worker found; of one that crashed, the mark still tells."""
    left_in_workers.extend(getattr(node, "workeroutput", {}).get(LEFT, []))


def handed_over(config: pytest.Config) -> dict[str, list[str]] | None:
    """What a worker of pytest-xdist hands over at its end; None in the main process."""
    return getattr(config, "workeroutput", None)


def save_measurement() -> None:
    """Write what coverage has measured here: a worker that ends slowly is killed."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
        measuring.save()


@pytest.fixture(scope="module", autouse=True)
def measured_or_not(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have what is started from here measured or not, as `MEASURED` says."""
    with pytest.MonkeyPatch.context() as patch:
        if not any(request.path.is_relative_to(TESTS / place) for place in MEASURED):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What a test has learnt of a service is no other's business."""
    forget_circuits()


@pytest.fixture(scope="session")
def livekit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    """A real LiveKit server, one a worker; tests take rooms and agent names of their own."""
    log_path = tmp_path_factory.mktemp("livekit") / "livekit.log"
    with LiveKitServer(log_path=log_path) as server:
        yield server


@pytest.fixture
def workdir() -> Iterator[Path]:
    """An empty directory with a short path: a Unix socket's must stay under 108 bytes."""
    path = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
