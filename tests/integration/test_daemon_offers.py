"""Offers as only a fake LiveKit server makes them on command, to a real daemon."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from livekit.protocol import agent

from agentd.daemon.exits import ExitCode
from tests.support.command import agentd
from tests.support.daemon import Daemon, running_daemon, write_app
from tests.support.fake_livekit import FakeLiveKit, FakeWorker, make_job

APP = """\
from agentd import AgentServer

server = AgentServer()

@server.rtc_session
async def entry(ctx):
    print("begin")
    ctx.shutdown("done")
"""


def access(fake: FakeLiveKit) -> dict[str, str]:
    """What leads a daemon to the fake server, with little time for an assignment."""
    return fake.access | {"AGENTD_ASSIGNMENT_TIMEOUT": "1", "AGENTD_LOG_FORMAT": "json"}


async def offer(worker: FakeWorker, number: int) -> None:
    """Offer a job, and leave it at that."""
    request = agent.AvailabilityRequest(job=make_job(f"AJ_{number}"))
    await worker.send(agent.ServerMessage(availability=request))


async def assign(worker: FakeWorker, number: int) -> None:
    """Assign the job that was offered."""
    assignment = agent.JobAssignment(job=make_job(f"AJ_{number}"), token="a-token")
    await worker.send(agent.ServerMessage(assignment=assignment))


async def accepted(worker: FakeWorker, daemon: Daemon) -> None:
    """Offer a job and wait until the daemon has accepted it."""
    await daemon.wait_ready()
    await offer(worker, 1)
    assert (await worker.next("availability")).availability.available


async def test_what_is_offered_beyond_the_slots_is_declined_with_the_reason(
    fake: FakeLiveKit, workdir: Path
) -> None:
    """All in one moment: as many as there are slots are taken, one line for each of the rest."""
    write_app(workdir, APP)
    environ = access(fake) | {"AGENTD_MAX_JOBS": "2"}
    async with running_daemon(workdir, "start", "app.py", environ=environ) as daemon:
        await daemon.wait_ready()
        worker = await fake.next_worker()

        for number in range(5):
            await offer(worker, number)

        answers = [(await worker.next("availability")).availability for _ in range(5)]
        assert sorted(answer.available for answer in answers) == [False] * 3 + [True] * 2
        await daemon.wait_for_count(3, action="offer_declined")
        reasons = [line["reason"] for line in daemon.seen(action="offer_declined")]
        assert reasons == ["all 2 slots are taken"] * 3
        assert await daemon.stop() == ExitCode.OK


@pytest.mark.parametrize("command", ["start", "dev"])
async def test_a_signal_before_an_assignment_that_never_comes_is_honoured(
    fake: FakeLiveKit, workdir: Path, command: str
) -> None:
    """The accepted job is given up as lost, and the daemon ends."""
    write_app(workdir, APP)
    async with running_daemon(workdir, command, "app.py", environ=access(fake)) as daemon:
        worker = await fake.next_worker()
        await accepted(worker, daemon)

        daemon.signal(signal.SIGTERM)

        assert await daemon.wait_exit() == ExitCode.OK
        assert [line["ending"] for line in daemon.seen(action="job_ended")] == ["lost"]


async def test_a_job_that_is_assigned_after_the_signal_is_run(
    fake: FakeLiveKit, workdir: Path
) -> None:
    """It was accepted before, so a draining daemon sees it through."""
    write_app(workdir, APP)
    async with running_daemon(workdir, "start", "app.py", environ=access(fake)) as daemon:
        worker = await fake.next_worker()
        await accepted(worker, daemon)
        daemon.signal(signal.SIGTERM)
        await daemon.wait_for(action="draining")

        await assign(worker, 1)

        assert await daemon.wait_exit() == ExitCode.OK
        assert [line["message"] for line in daemon.seen(name="agentd.output")] == ["begin"]
        statuses = [m.update_job.status for m in worker.received if m.HasField("update_job")]
        # Twice: livekit-server may not have heard it within a second of the assignment.
        assert statuses == [agent.JS_RUNNING, agent.JS_SUCCESS, agent.JS_SUCCESS]


async def test_what_is_offered_to_a_draining_daemon_is_declined_and_counted(
    fake: FakeLiveKit, workdir: Path
) -> None:
    """With the reason of the drain; a real server hardly ever offers any then."""
    write_app(workdir, APP)
    environ = access(fake) | {"AGENTD_ASSIGNMENT_TIMEOUT": "20"}
    async with running_daemon(workdir, "start", "app.py", environ=environ) as daemon:
        worker = await fake.next_worker()
        await accepted(worker, daemon)
        daemon.signal(signal.SIGTERM)
        await daemon.wait_for(action="draining")

        await offer(worker, 2)

        assert not (await worker.next("availability")).availability.available
        declined = await daemon.wait_for(action="offer_declined")
        status = await agentd(daemon, "status", "--json")
        await assign(worker, 1)
        assert await daemon.wait_exit() == ExitCode.OK
        assert (declined["reason"], declined["refusal"]) == ("draining: SIGTERM", "draining")
        assert status.document["refusals"]["draining"] == 1


async def test_a_late_assignment_is_handed_back_as_failed(fake: FakeLiveKit, workdir: Path) -> None:
    """LiveKit would believe that the job runs, and the caller would sit in silence."""
    write_app(workdir, APP)
    async with running_daemon(workdir, "start", "app.py", environ=access(fake)) as daemon:
        worker = await fake.next_worker()
        await accepted(worker, daemon)
        await daemon.wait_for(action="job_ended", ending="lost")

        await assign(worker, 1)

        update = (await worker.next("update_job")).update_job
        assert (update.status, update.error) == (agent.JS_FAILED, "the assignment came too late")
        assert await daemon.stop() == ExitCode.OK
