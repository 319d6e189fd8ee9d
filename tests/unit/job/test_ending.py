"""The steps of a job's end: their order, and that none costs another its run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentd.aio.timing import now
from agentd.app.server import AgentServer
from agentd.job import ending
from agentd.job import run as run_module
from agentd.job.context import JobContext
from agentd.job.listener import Nobody
from agentd.job.run import run_job
from agentd.job.shutdown import ShutdownRequest
from agentd.protocol.frames import ChildConfig
from agentd.protocol.job import JobOutcome
from agentd.testing.virtual_time import run_virtual

if TYPE_CHECKING:
    from agentd.job.process import JobProcess
    from agentd.protocol.job import JobAssignment

    from .conftest import Runner


async def hang() -> None:
    await asyncio.Event().wait()


async def test_steps_run_in_order(run: Runner) -> None:
    """Session, on_session_end, room, callbacks; the directory goes last."""
    order: list[str] = []
    directory: list[Path] = []

    async def entrypoint(ctx: JobContext) -> None:
        async def close() -> None:
            order.append("session closed")

        async def callback() -> None:
            order.append(f"callback, directory there: {ctx.session_directory.exists()}")

        ctx.attach_session(close)
        ctx.add_shutdown_callback(callback)
        ctx.room.on("disconnected", lambda: order.append("room left"))
        directory.append(ctx.session_directory)
        ctx.shutdown()
        order.append("entrypoint done")

    async def on_session_end(ctx: JobContext) -> None:
        order.append("on_session_end")

    await run(entrypoint, on_session_end=on_session_end)

    assert order == [
        "entrypoint done",
        "session closed",
        "on_session_end",
        "room left",
        "callback, directory there: True",
    ]
    assert not directory[0].exists()


async def test_callback_gets_the_reason_if_it_takes_one(run: Runner) -> None:
    """Callbacks with and without an argument are both fine."""
    heard: list[str] = []

    async def with_argument(reason: str) -> None:
        heard.append(reason)

    async def without() -> None:
        heard.append("called")

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(with_argument)
        ctx.add_shutdown_callback(without)
        ctx.shutdown("bye")

    await run(entrypoint)

    assert sorted(heard) == ["bye", "called"]


async def test_method_as_callback_gets_the_reason(run: Runner) -> None:
    """`self` is not an argument that a method takes."""

    class Recorder:
        def __init__(self) -> None:
            self.heard: list[str] = []

        async def stop(self) -> None:
            self.heard.append("stopped")

        async def stop_because(self, reason: str) -> None:
            self.heard.append(reason)

    recorder = Recorder()

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(recorder.stop)
        ctx.add_shutdown_callback(recorder.stop_because)
        ctx.shutdown("bye")

    await run(entrypoint)

    assert sorted(recorder.heard) == ["bye", "stopped"]


async def test_raising_and_hanging_callbacks_cost_no_other_its_run(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is reported by name; the good one ends in its own time."""
    done: list[str] = []

    async def raises() -> None:
        raise RuntimeError("disk full")

    async def slow() -> None:
        await asyncio.sleep(0.03)
        done.append("slow one")

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(raises)
        ctx.add_shutdown_callback(hang)
        ctx.add_shutdown_callback(slow)
        ctx.shutdown()

    outcome = await run(entrypoint, callback_timeout=0.2)

    assert done == ["slow one"]
    assert outcome.outcome == "completed"
    reports = {(getattr(r, "action", ""), getattr(r, "step", "")) for r in caplog.records}
    assert any(action == "end_step_failed" and "raises" in step for action, step in reports)
    assert any(action == "end_step_timeout" and "hang" in step for action, step in reports)


async def test_callbacks_run_side_by_side(run: Runner) -> None:
    """Each waits for the other here, so one after the other would not end well."""
    first, second = asyncio.Event(), asyncio.Event()
    met: list[str] = []

    async def one() -> None:
        first.set()
        await second.wait()
        met.append("one")

    async def two() -> None:
        second.set()
        await first.wait()
        met.append("two")

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(one)
        ctx.add_shutdown_callback(two)
        ctx.shutdown()

    await run(entrypoint)

    assert sorted(met) == ["one", "two"]


async def test_hanging_session_and_on_session_end_do_not_keep_callbacks_from_running(
    run: Runner,
) -> None:
    """Every step has a budget of its own."""
    called = asyncio.Event()

    async def callback() -> None:
        called.set()

    async def entrypoint(ctx: JobContext) -> None:
        ctx.attach_session(hang)
        ctx.add_shutdown_callback(callback)
        ctx.shutdown()

    async def on_session_end(ctx: JobContext) -> None:
        await hang()

    await run(entrypoint, on_session_end=on_session_end)

    assert called.is_set()


async def test_step_that_does_not_heed_cancelling_is_left_behind(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job ends in bounded time whatever the user's code does."""
    monkeypatch.setattr(ending, "CANCEL_GRACE", 0.02)
    release = asyncio.Event()
    stubborn_ended = asyncio.Event()

    async def stubborn() -> None:
        try:
            await hang()
        except asyncio.CancelledError:
            await release.wait()
        stubborn_ended.set()

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(stubborn)
        ctx.shutdown()

    outcome = await run(entrypoint)

    assert outcome.outcome == "completed"
    release.set()
    async with asyncio.timeout(20):
        await stubborn_ended.wait()


async def test_cancellation_of_a_steps_own_is_reported_as_its_failure(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Awaiting something cancelled is no silent end."""

    async def awaits_cancelled() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(awaits_cancelled)
        ctx.shutdown()

    await run(entrypoint)

    assert "end_step_failed" in [getattr(r, "action", "") for r in caplog.records]


async def test_plain_function_as_callback_is_called(run: Runner) -> None:
    """Not what the signature says, but what a user meant is clear."""
    heard: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(heard.append)  # type: ignore[arg-type]
        ctx.shutdown("bye")

    await run(entrypoint)

    assert heard == ["bye"]


async def test_failed_job_runs_its_callbacks_too(run: Runner) -> None:
    """That is what they are for."""
    reasons: list[str] = []

    async def callback(reason: str) -> None:
        reasons.append(reason)

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_shutdown_callback(callback)
        raise RuntimeError("boom")

    await run(entrypoint)

    assert reasons == ["job crashed"]


PHASES = ["entrypoint", "session close", "on_session_end", "report", "disconnect", "callback"]


@pytest.mark.parametrize("manner", ["hangs", "raises"])
@pytest.mark.parametrize("phase", PHASES)
async def test_no_phase_costs_another_its_run(
    run: Runner, monkeypatch: pytest.MonkeyPatch, phase: str, manner: str
) -> None:
    """Each is bounded by a budget of its own, and all the others run, in order."""
    monkeypatch.setattr(run_module, "REPORT_TIMEOUT", 0.05)
    ran: list[str] = []

    async def run_phase(name: str) -> None:
        if name == phase and manner == "hangs":
            await hang()
        if name == phase:
            raise RuntimeError("no disk")
        ran.append(name)

    class Listener(Nobody):
        async def closing(self, outcome: JobOutcome) -> None:
            await run_phase("report")

    async def entrypoint(ctx: JobContext) -> None:
        monkeypatch.setattr(ctx.room, "disconnect", lambda: run_phase("disconnect"))
        ctx.attach_session(lambda: run_phase("session close"))
        ctx.add_shutdown_callback(lambda: run_phase("callback"))
        ctx.shutdown("bye")
        await run_phase("entrypoint")

    async def on_session_end(ctx: JobContext) -> None:
        await run_phase("on_session_end")

    outcome = await run(entrypoint, on_session_end=on_session_end, listener=Listener())

    assert ran == [name for name in PHASES if name != phase]
    assert outcome.reason == "bye"


@pytest.mark.parametrize(
    ("phase", "budget"),
    [
        ("entrypoint", "entrypoint_timeout"),
        ("session close", "session_close_timeout"),
        ("on_session_end", "session_end_timeout"),
        ("report", ""),
        ("disconnect", "disconnect_timeout"),
        ("callback", "callback_timeout"),
    ],
)
def test_a_phase_has_its_own_budget_to_the_second(
    assignment: JobAssignment, process: JobProcess, phase: str, budget: str
) -> None:
    """A step of just less time ends well; one that hangs costs the budget and no more."""
    config = ChildConfig()
    allowed = getattr(config, budget) if budget else run_module.REPORT_TIMEOUT

    ended, took = run_virtual(job_with_slow_phase(assignment, process, phase, allowed - 0.001))
    ended_late, took_late = run_virtual(
        job_with_slow_phase(assignment, process, phase, allowed + 100.0)
    )

    assert (ended, ended_late) == (True, False)
    assert [took, took_late] == pytest.approx([allowed - 0.001, allowed])


async def job_with_slow_phase(
    assignment: JobAssignment, process: JobProcess, phase: str, seconds: float
) -> tuple[bool, float]:
    """Whether that phase came to its end, and how long the job took to end."""
    ended: list[str] = []

    async def run_phase(name: str) -> None:
        if name == phase:
            await asyncio.sleep(seconds)
            ended.append(name)

    class Listener(Nobody):
        async def closing(self, outcome: JobOutcome) -> None:
            await run_phase("report")

    async def entrypoint(ctx: JobContext) -> None:
        object.__setattr__(ctx.room, "disconnect", lambda: run_phase("disconnect"))
        ctx.attach_session(lambda: run_phase("session close"))
        ctx.add_shutdown_callback(lambda: run_phase("callback"))
        ctx.shutdown("bye")
        await run_phase("entrypoint")

    async def on_session_end(ctx: JobContext) -> None:
        await run_phase("on_session_end")

    app = AgentServer()
    app.rtc_session(entrypoint, on_session_end=on_session_end)
    began_at = now()
    await run_job(
        app,
        assignment,
        process,
        ChildConfig(),
        shutdown=ShutdownRequest(),
        listener=Listener(),
    )
    return bool(ended), now() - began_at
