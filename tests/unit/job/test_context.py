"""JobContext without a server: a fake job."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import aiohttp
import pytest
from livekit import api, rtc

from agentd import utils
from agentd.errors import JobError
from agentd.job.context import JobContext
from agentd.job.process import JobProcess

if TYPE_CHECKING:
    from .conftest import Runner


async def test_fake_job_knows_that_it_is_one(run: Runner) -> None:
    """And still has all that a job has."""
    seen: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        seen.extend([ctx.is_fake_job(), ctx.room.isconnected(), ctx.room.name, ctx.worker_id])
        seen.extend([ctx.job.id, ctx.local_participant_identity, ctx.agent.identity])
        ctx.shutdown()

    await run(entrypoint)

    assert seen == [True, True, "kitchen", "AW_1", "AJ_1", "agent-AJ_1", "agent-AJ_1"]


async def test_fake_agent_takes_the_sdks_calls(run: Runner) -> None:
    """An entrypoint that publishes runs through without a room."""

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.agent.publish_data(b"hello", topic="greeting")
        await ctx.agent.set_attributes({"mood": "good"})
        ctx.shutdown()

    assert (await run(entrypoint)).outcome == "completed"


async def test_process_is_the_one_that_was_prewarmed(run: Runner, process: JobProcess) -> None:
    """Prewarm's userdata is there."""
    process.userdata["vad"] = "loaded"
    seen: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        seen.extend([ctx.proc.userdata["vad"], ctx.proc.pid])
        ctx.shutdown()

    await run(entrypoint)

    assert seen == ["loaded", os.getpid()]


async def test_calls_to_the_server_are_skipped_in_a_fake_job(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Each answers something empty, with a warning."""
    answers: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        answers.append(await ctx.delete_room())
        answers.append(
            await ctx.add_sip_participant(
                call_to="+100", trunk_id="ST_1", participant_identity="anna"
            )
        )
        answers.append(await ctx.transfer_sip_participant("anna", "+200"))
        ctx.shutdown()

    outcome = await run(entrypoint)

    assert outcome.outcome == "completed"
    assert [type(answer) for answer in answers] == [
        api.DeleteRoomResponse,
        api.SIPParticipantInfo,
        api.TransferSIPParticipantResponse,
    ]
    skipped = [getattr(r, "call", "") for r in caplog.records]
    assert {"delete_room", "add_sip_participant", "transfer_sip_participant"} <= set(skipped)


async def test_api_without_credentials_names_what_to_set(run: Runner) -> None:
    """A daemon in a console run has none."""
    messages: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        with pytest.raises(JobError) as raised:
            _ = ctx.api
        messages.append(str(raised.value))
        ctx.shutdown()

    await run(entrypoint)

    assert "LIVEKIT_API_SECRET" in messages[0]


async def test_same_participant_entrypoint_twice_is_refused(run: Runner) -> None:
    """By its name."""

    async def greet(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        """Says nothing."""

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_participant_entrypoint(greet)
        with pytest.raises(ValueError, match="greet"):
            ctx.add_participant_entrypoint(greet)
        ctx.shutdown()

    assert (await run(entrypoint)).outcome == "completed"


async def test_the_jobs_http_client_is_one_for_all_and_closed_at_its_end(run: Runner) -> None:
    """Plugins find it by livekit-agents' name; a shutdown callback may still use it."""
    seen: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        session = utils.http_context.http_session()

        async def last_words() -> None:
            seen.append(session.closed)

        ctx.add_shutdown_callback(last_words)
        seen.extend([session is ctx.http_session, session])
        ctx.shutdown()

    await run(entrypoint)

    same, session, closed_at_callback = seen
    assert isinstance(session, aiohttp.ClientSession)
    assert (same, closed_at_callback, session.closed) == (True, False, True)
