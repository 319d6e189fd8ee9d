"""A job and the sessions that are started in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from agentd.job.context import JobContext
from agentd.job.listener import Nobody
from agentd.job.state import SNAPSHOT_VERSION, JobSnapshot
from agentd.protocol.job import Resume
from agentd.testing import FakeLLM
from agentd.voice.agent import Agent
from agentd.voice.session import AgentSession

if TYPE_CHECKING:
    from .conftest import Runner


class Keeper(Nobody):
    """Keeps the last snapshot, as the supervisor does."""

    def __init__(self) -> None:
        self.last = b""

    def snapshot(self, version: int, data: bytes) -> None:
        self.last = data


def texts(session: AgentSession[Any]) -> list[str]:
    """What was said."""
    return [f"{m.role}: {m.text_content}" for m in session.history.messages()]


async def test_a_session_is_closed_with_its_job(run: Runner) -> None:
    """Before the room is left, and for that reason."""
    reasons: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        session: AgentSession[Any] = AgentSession()
        session.on("close", lambda event: reasons.append(event.reason))
        await session.start(Agent(instructions="x"))
        ctx.shutdown()

    assert (await run(entrypoint, session_close_timeout=5.0)).outcome == "completed"
    assert reasons == ["job_shutdown"]


async def test_a_conversation_goes_on_in_the_next_process(run: Runner) -> None:
    """The supervisor keeps its last snapshot, and the resumed job's session begins with it."""
    keeper = Keeper()
    kept: list[bytes] = []
    found: list[tuple[int, list[str]]] = []

    async def first(ctx: JobContext) -> None:
        ctx.state["step"] = 1
        session: AgentSession[Any] = AgentSession(llm=FakeLLM(["Hello to you."]))
        await session.start(Agent(instructions="x"))
        await session.run(user_input="Hello.")
        await asyncio.sleep(0)
        kept.append(keeper.last)
        ctx.shutdown()

    async def second(ctx: JobContext) -> None:
        session: AgentSession[Any] = AgentSession(llm=FakeLLM())
        await session.start(Agent(instructions="x"))
        found.append((ctx.state["step"], texts(session)))
        ctx.shutdown()

    await run(first, listener=keeper)
    resume = Resume(resumes=1, snapshot_version=SNAPSHOT_VERSION, snapshot=kept[0])
    await run(second, resume=resume)

    assert msgpack.decode(kept[0], type=JobSnapshot).session
    assert found == [(1, ["user: Hello.", "assistant: Hello to you."])]
