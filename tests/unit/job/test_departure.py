"""A job that leaves its process: what it says then, and what keeps it from leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from agentd.job.context import JobContext
from agentd.job.departure import Departure
from agentd.job.listener import Nobody
from agentd.job.shutdown import ShutdownRequest
from agentd.job.state import JobSnapshot
from agentd.protocol.job import MAX_SNAPSHOT_BYTES, Resume
from agentd.testing import FakeLLM
from agentd.voice.agent import Agent
from agentd.voice.session import AgentSession

if TYPE_CHECKING:
    from .conftest import Runner


class Keeper(Nobody):
    """Keeps what the supervisor would."""

    def __init__(self) -> None:
        self.snapshots: list[JobSnapshot] = []
        self.backs = 0

    def snapshot(self, version: int, data: bytes) -> None:
        self.snapshots.append(msgpack.decode(data, type=JobSnapshot))

    def back(self) -> None:
        self.backs += 1


async def asked(
    run: Runner, do: Callable[[JobContext], Awaitable[object]], **more: Any
) -> tuple[str, Keeper]:
    """What is said when the job is asked to leave after it has done that; and what was kept."""
    departure, keeper = Departure(), Keeper()
    said: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        await do(ctx)
        said.append(await departure.prepare())
        ctx.state["too late"] = True
        await asyncio.sleep(0)
        ctx.shutdown()

    await run(entrypoint, departure=departure, listener=keeper, **more)
    return said[0], keeper


async def test_the_last_snapshot_has_all_and_nothing_comes_after_it(run: Runner) -> None:
    """Changes that would have been written a moment later, too."""

    async def do(ctx: JobContext) -> None:
        ctx.state["step"] = 1

    why, keeper = await asked(run, do)

    assert why == ""
    assert [snapshot.state for snapshot in keeper.snapshots] == [{"step": 1}]


async def test_a_session_is_in_it_though_it_has_not_changed(run: Runner) -> None:
    """It is asked anew: what it says has moved on since."""

    async def do(_: JobContext) -> None:
        session: AgentSession[Any] = AgentSession(llm=FakeLLM(["Hello to you."]))
        await session.start(Agent(instructions="x"))
        await session.run(user_input="Hello.")
        await asyncio.sleep(0.01)

    why, keeper = await asked(run, do, session_close_timeout=5.0)

    assert why == ""
    assert b"Hello to you." in keeper.snapshots[-1].session


async def test_a_job_that_keeps_nothing_does_not_leave(run: Runner) -> None:
    """It would begin anew."""

    async def do(_: JobContext) -> None:
        return

    why, keeper = await asked(run, do)

    assert why == "it keeps nothing: no AgentSession that runs, and nothing in ctx.state"
    # It goes on: what it keeps later is kept.
    assert [snapshot.state for snapshot in keeper.snapshots] == [{"too late": True}]


async def test_a_state_that_can_not_be_kept_keeps_the_job_here(run: Runner) -> None:
    """Named by its key."""

    async def do(ctx: JobContext) -> None:
        ctx.state["lock"] = asyncio.Lock()

    assert (await asked(run, do))[0] == "ctx.state['lock'] can't be remembered"


async def test_a_state_that_is_too_large_keeps_the_job_here(run: Runner) -> None:
    """The one before is older than the conversation."""

    async def do(ctx: JobContext) -> None:
        ctx.state["text"] = "x" * MAX_SNAPSHOT_BYTES

    assert (await asked(run, do))[0].startswith("its snapshot is too large")


async def test_a_job_that_is_ending_does_not_leave(run: Runner) -> None:
    """It ends here."""

    async def do(ctx: JobContext) -> None:
        ctx.state["step"] = 1
        ctx.shutdown("done")

    assert (await asked(run, do))[0] == "it is ending: done"


async def test_a_job_that_has_not_begun_does_not_leave() -> None:
    """The order came before the job was there."""
    assert await Departure().prepare() == "it has not begun"


async def test_after_all_it_stays_and_keeps_as_before(run: Runner) -> None:
    """Where nobody has heard that it was about to leave."""
    departure, keeper = Departure(), Keeper()

    async def entrypoint(ctx: JobContext) -> None:
        ctx.state["step"] = 1
        await departure.prepare()
        departure.stay()
        ctx.state["step"] = 2
        await asyncio.sleep(0)
        ctx.shutdown()

    await run(entrypoint, departure=departure, listener=keeper)

    assert keeper.snapshots[-1].state == {"step": 2}


async def test_a_session_that_goes_on_says_when_it_listens(run: Runner) -> None:
    """And the entrypoint can tell why it was called again."""
    keeper = Keeper()
    reasons: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        reasons.append(ctx.resume_reason)
        session: AgentSession[Any] = AgentSession(llm=FakeLLM())
        await session.start(Agent(instructions="x"))
        reasons.append(keeper.backs)
        ctx.shutdown()

    resume = Resume(resumes=1, reason="swap")
    await run(entrypoint, resume=resume, listener=keeper, session_close_timeout=5.0)

    assert reasons == ["swap", 1]


async def test_a_job_that_begins_has_no_reason_to_go_on(run: Runner) -> None:
    """None, whatever the default of its parts."""
    reasons: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        reasons.append(ctx.resume_reason)
        ctx.shutdown()

    await run(entrypoint, shutdown=ShutdownRequest())

    assert reasons == [None]
