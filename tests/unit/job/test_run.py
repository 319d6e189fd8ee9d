"""What ends a job, and with which outcome."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from agentd.app.server import AgentServer
from agentd.errors import NoEntrypoint, NotInJob
from agentd.job import run as run_module
from agentd.job.context import JobContext
from agentd.job.current import get_job_context
from agentd.job.listener import Nobody
from agentd.job.logfields import current_fields
from agentd.job.run import ShutdownRequest, run_job
from agentd.logs.record import EXCEPTION
from agentd.protocol.frames import ChildConfig
from agentd.protocol.job import JobOutcome
from agentd.room.fake import FakeRoom

if TYPE_CHECKING:
    from agentd.job.process import JobProcess
    from agentd.protocol.job import JobAssignment

    from .conftest import Runner


class ActionWatch(logging.Handler):
    """Sets an event when a record with that action is logged."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.seen = asyncio.Event()
        self.addFilter(lambda record: getattr(record, "action", "") == action)

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.set()


async def test_shutdown_by_the_user_completes_the_job(run: Runner) -> None:
    """The reason that the user gave is the reason of the outcome."""

    async def entrypoint(ctx: JobContext) -> None:
        ctx.shutdown("said goodbye")

    outcome = await run(entrypoint)

    assert outcome == JobOutcome(outcome="completed", reason="said goodbye")


async def test_shutdown_without_reason_says_user_requested(run: Runner) -> None:
    """The default reason is the one that livekit-agents gives."""

    async def entrypoint(ctx: JobContext) -> None:
        ctx.shutdown()

    assert (await run(entrypoint)).reason == "user requested"


async def test_first_reason_stays(run: Runner) -> None:
    """Asking again changes nothing."""

    async def entrypoint(ctx: JobContext) -> None:
        ctx.shutdown("first")
        ctx.shutdown("second")

    assert (await run(entrypoint)).reason == "first"


async def test_parents_request_ends_a_running_job(run: Runner) -> None:
    """An entrypoint that has returned does not end the job, the parent's word does."""
    shutdown = ShutdownRequest()
    returned = asyncio.Event()

    async def entrypoint(ctx: JobContext) -> None:
        returned.set()

    running = asyncio.ensure_future(run(entrypoint, shutdown=shutdown))
    await returned.wait()
    shutdown.request("the daemon stops")

    assert await running == JobOutcome(outcome="completed", reason="the daemon stops")


async def test_a_room_whose_state_alone_says_that_it_is_left_ends_the_job(run: Runner) -> None:
    """What fails for it is no crash; the SDK's event comes later, and now and then never."""

    async def entrypoint(ctx: JobContext) -> None:
        waiting = asyncio.ensure_future(ctx.wait_for_participant(identity="anna"))
        await asyncio.sleep(0)
        room = ctx.room
        assert isinstance(room, FakeRoom)
        room.lose()
        await waiting

    outcome = await run(entrypoint)

    assert outcome.reason == "room disconnected"
    assert "the room was left" in outcome.error


async def test_disconnected_room_ends_the_job(run: Runner) -> None:
    """However the room was left."""

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.room.disconnect()

    outcome = await run(entrypoint)

    assert outcome == JobOutcome(outcome="completed", reason="room disconnected")


async def test_raising_entrypoint_fails_the_job_with_its_error(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is one line; the log has the user's traceback without our frames."""

    async def entrypoint(ctx: JobContext) -> None:
        raise ValueError("no\nvoice")

    outcome = await run(entrypoint)

    assert outcome == JobOutcome(
        outcome="failed", error="ValueError: no voice", reason="job crashed"
    )
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    traceback = getattr(record, EXCEPTION)
    assert 'raise ValueError("no' in traceback
    assert "agentd/job/run.py" not in traceback


async def test_sys_exit_zero_completes_the_job(run: Runner) -> None:
    """A script's way to say that it is done must not kill the process before it cleaned up."""

    async def entrypoint(ctx: JobContext) -> None:
        sys.exit()

    assert (await run(entrypoint)).outcome == "completed"


async def test_sys_exit_with_a_code_fails_the_job(run: Runner) -> None:
    """A code other than zero is a failure."""

    async def entrypoint(ctx: JobContext) -> None:
        sys.exit(3)

    outcome = await run(entrypoint)

    assert (outcome.outcome, outcome.error) == ("failed", "SystemExit: 3")


async def test_cancellation_of_the_users_own_fails_the_job(run: Runner) -> None:
    """Awaiting something cancelled is a crash, where nobody cancelled the entrypoint."""

    async def entrypoint(ctx: JobContext) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    assert (await run(entrypoint)).outcome == "failed"


async def test_started_is_told_before_the_entrypoint_runs(run: Runner) -> None:
    """The parent learns of the start first."""
    order: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        order.append("entrypoint")
        ctx.shutdown()

    class Listener(Nobody):
        def started(self) -> None:
            order.append("started")

    await run(entrypoint, listener=Listener())

    assert order == ["started", "entrypoint"]


async def test_entrypoint_that_overruns_its_grace_is_cancelled(run: Runner) -> None:
    """And the job has completed all the same."""
    cancelled = asyncio.Event()

    async def entrypoint(ctx: JobContext) -> None:
        ctx.shutdown("enough")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    outcome = await run(entrypoint)

    assert cancelled.is_set()
    assert outcome == JobOutcome(outcome="completed", reason="enough")


async def test_entrypoint_that_ends_within_its_grace_is_left_alone(run: Runner) -> None:
    """It may do its own farewell."""
    said: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        ctx.shutdown()
        await asyncio.sleep(0)
        said.append("goodbye")

    await run(entrypoint)

    assert said == ["goodbye"]


async def test_context_is_found_in_tasks_of_the_job_only(run: Runner) -> None:
    """`get_job_context` works wherever the entrypoint's code gets to."""
    found: list[JobContext | None] = []

    async def deeper() -> None:
        found.append(get_job_context())

    async def entrypoint(ctx: JobContext) -> None:
        await asyncio.gather(deeper())
        found.append(ctx)
        ctx.shutdown()

    await run(entrypoint)

    assert found[0] is found[1]
    assert get_job_context(required=False) is None
    with pytest.raises(NotInJob):
        get_job_context()


async def test_log_fields_are_current_while_the_job_runs(run: Runner) -> None:
    """Also replaced as a whole; values that no frame can carry become text."""
    seen: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        ctx.log_context_fields["caller"] = "anna"
        seen.append(dict(current_fields()))
        ctx.log_context_fields = {"tries": 2, "who": ["anna"]}
        seen.append(dict(current_fields()))
        ctx.shutdown()

    await run(entrypoint)

    assert seen == [{"caller": "anna"}, {"tries": 2, "who": "['anna']"}]
    assert current_fields() == {}


async def test_entrypoint_that_never_connects_ends_as_failed(
    run: Runner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else would ever end such a job."""
    monkeypatch.setattr(run_module, "CONNECT_GRACE", 0.02)

    async def entrypoint(ctx: JobContext) -> None:
        """Forgets to connect."""

    outcome = await run(entrypoint, fake=False)

    assert outcome.outcome == "failed"
    assert outcome.error == "the entrypoint returned without connecting to the room"
    assert "not_connected" in [getattr(r, "action", "") for r in caplog.records]


async def test_slow_entrypoint_is_warned_of_and_not_ended(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be waiting for something before it connects."""
    monkeypatch.setattr(run_module, "CONNECT_GRACE", 0.02)
    warning = ActionWatch("not_connected")
    logging.getLogger("agentd.job").addHandler(warning)

    async def entrypoint(ctx: JobContext) -> None:
        await warning.seen.wait()
        ctx.shutdown("went on")

    outcome = await run(entrypoint, fake=False)
    logging.getLogger("agentd.job").removeHandler(warning)

    assert outcome == JobOutcome(outcome="completed", reason="went on")


async def test_app_without_entrypoint_is_refused(
    assignment: JobAssignment, process: JobProcess
) -> None:
    """There is nothing to run."""
    with pytest.raises(NoEntrypoint):
        await run_job(
            AgentServer(),
            assignment,
            process,
            ChildConfig(),
            shutdown=ShutdownRequest(),
            listener=Nobody(),
        )
