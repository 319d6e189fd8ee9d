"""Signals at every moment of the daemon's life: honoured, and nothing left behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from agentd.daemon.exits import ExitCode
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, running_daemon, write_app

PROMPT = 8.0
"""Seconds in which a daemon that needs to wait for nobody has ended, on a busy machine too."""

HANGS_ON_IMPORT = """\
import time
print("importing", flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_lets_running_jobs_end(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path, number: signal.Signals
) -> None:
    """Nothing new is taken, the call goes on to its own end, and all is well: 0."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        line = await callers.holding(daemon)

        daemon.signal(number)

        draining = await daemon.wait_for(action="draining")
        assert (draining["reason"], draining["jobs"]) == (number.name, 1)
        late = await callers.dispatch(daemon, "finish")
        await callers.say(line["room"], "still there")
        await daemon.wait_for(job=line["job"], message="heard still there")
        await callers.say(line["room"], "end")
        assert await daemon.wait_exit() == ExitCode.OK
        assert "goodbye: the caller said so" in daemon.printed(line["job"])
        assert await callers.verdict(line["job"]) == ("JS_SUCCESS", "")
        assert daemon.seen(action="job_assigned", room=late.room) == []


async def test_after_the_drain_timeout_jobs_are_ended_in_order(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Their shutdown callbacks run, also slow ones, and the exit code tells."""
    write_app(workdir)
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ={"AGENTD_DRAIN_TIMEOUT": "0.5"}
    ) as daemon:
        await daemon.wait_ready()
        line = await callers.job(daemon, "hold, slow end")
        await daemon.wait_for(job=line["job"], message="holding")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit() == ExitCode.DRAIN_TIMEOUT
        assert "goodbye: the daemon is stopping" in daemon.printed(line["job"])
        assert daemon.seen(action="job_ended", job=line["job"], ending="completed")
        assert await callers.verdict(line["job"]) == ("JS_SUCCESS", "")


async def test_dev_stops_at_once_in_order(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """No drain, but the shutdown callbacks of a running job run."""
    write_app(workdir)
    async with running_daemon(
        workdir, "dev", "app.py", "--log-format", "json", server=livekit_server
    ) as daemon:
        await daemon.wait_ready()
        line = await callers.holding(daemon)

        daemon.signal(signal.SIGINT)

        assert await daemon.wait_exit(PROMPT) == ExitCode.OK
        assert "goodbye: the daemon is stopping" in daemon.printed(line["job"])


async def test_the_second_signal_ends_everything_at_once(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A running job does not hold it up; no process stays."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        await callers.holding(daemon)
        daemon.signal(signal.SIGTERM)
        await daemon.wait_for(action="draining")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.FORCED
        assert daemon.seen(action="forced")


@pytest.mark.parametrize("command", ["start", "dev"])
async def test_a_signal_while_the_app_is_imported_stops_the_start(
    livekit_server: LiveKitServer, workdir: Path, command: str
) -> None:
    """An import that never ends does not hold it up."""
    write_app(workdir, HANGS_ON_IMPORT)
    async with running_daemon(
        workdir, command, "app.py", "--log-format", "json", server=livekit_server
    ) as daemon:
        await daemon.wait_for(message="importing")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.OK
        assert [line["level"] for line in daemon.lines if line["level"] != "INFO"] == []


async def test_a_second_signal_while_the_app_is_imported_ends_at_once(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Also before there is anything to drain."""
    write_app(workdir, HANGS_ON_IMPORT)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_for(message="importing")

        daemon.signal(signal.SIGTERM)
        await daemon.wait_for(action="stopping")
        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.FORCED


async def test_a_signal_during_the_first_prewarm_stops_the_start(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """A child that sits in user code is not waited for."""
    write_app(workdir)
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ={"TEST_PREWARM": "3600"}
    ) as daemon:
        await daemon.wait_for(action="http_listening")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(15.0) == ExitCode.OK


async def test_a_signal_during_a_reload_is_honoured(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """New code that hangs on import keeps nobody."""
    write_app(workdir)
    async with running_daemon(
        workdir, "dev", "app.py", "--log-format", "json", server=livekit_server
    ) as daemon:
        await daemon.wait_for(action="watching")
        await daemon.wait_ready()
        write_app(workdir, HANGS_ON_IMPORT)
        await daemon.wait_for(message="importing")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.OK


@pytest.mark.parametrize("command", ["start", "dev"])
async def test_a_signal_while_a_job_is_being_assigned_is_honoured(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path, command: str
) -> None:
    """An offer that the app never answers is declined at its deadline at the latest."""
    write_app(workdir)
    async with running_daemon(
        workdir,
        command,
        "app.py",
        "--log-format",
        "json",
        server=livekit_server,
        environ={"AGENTD_OFFER_TIMEOUT": "2"},
    ) as daemon:
        await daemon.wait_ready()
        await callers.dispatch(daemon, "request hangs")
        await daemon.wait_for(message="asked")

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.OK
        assert len(daemon.seen(action="offer_declined")) == 1
        assert daemon.seen(action="job_assigned") == []


@pytest.mark.parametrize("command", ["start", "dev"])
async def test_a_script_runs_as_the_command_of_that_name_does(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path, command: str
) -> None:
    """`python app.py start`: jobs run, signals reach the daemon, since the script became it."""
    write_app(workdir)
    async with running_daemon(
        workdir,
        command,
        "--log-format",
        "json",
        server=livekit_server,
        command=("app.py",),
    ) as daemon:
        await daemon.wait_ready()
        line = await callers.job(daemon, "finish")
        await daemon.wait_for(action="job_ended", job=line["job"], ending="completed")

        assert await daemon.stop() == ExitCode.OK


async def test_stopping_an_idle_daemon_is_quick_and_quiet(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """No line of the end warns of anything."""
    write_app(workdir)
    async with running_daemon(
        workdir,
        "start",
        "app.py",
        server=livekit_server,
        environ={"AGENTD_NUM_IDLE_PROCESSES": "1"},
    ) as daemon:
        await daemon.wait_ready()

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit(PROMPT) == ExitCode.OK

        assert [line["action"] for line in daemon.lines][-2:] == ["draining", "stopped"]
        assert {line["level"] for line in daemon.lines} == {"INFO"}
        assert daemon.errors == ""
