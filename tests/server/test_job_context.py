"""JobContext in a room of the real livekit-server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc

from agentd.errors import ParticipantTimeout
from agentd.job.context import JobContext
from agentd.protocol.job import JobOutcome
from agentd.room.connect import AutoSubscribe
from agentd.testing.livekit_server import LiveKitServer
from tests.support.stage import Stage, publish_audio

ROOT = Path(__file__).parents[2]

DEADLINE = 15.0
"""Seconds that a test waits for something to happen."""


@pytest.fixture
async def stage(livekit_server: LiveKitServer) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(livekit_server, stack)


async def publish_video(room: rtc.Room) -> None:
    source = rtc.VideoSource(64, 64)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    await room.local_participant.publish_track(track)


class Subscriptions:
    """The kinds of the tracks that a room has subscribed to, and the tracks it heard of."""

    def __init__(self, room: rtc.Room) -> None:
        self._kinds: asyncio.Queue[rtc.TrackKind.ValueType] = asyncio.Queue()
        self._published: asyncio.Queue[rtc.RemoteTrackPublication] = asyncio.Queue()
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_published", self._on_published)

    def _on_subscribed(self, track: rtc.Track) -> None:
        self._kinds.put_nowait(track.kind)

    def _on_published(self, publication: rtc.RemoteTrackPublication) -> None:
        self._published.put_nowait(publication)

    async def next(self) -> rtc.TrackKind.ValueType:
        return await self._kinds.get()

    async def next_published(self) -> rtc.RemoteTrackPublication:
        return await self._published.get()

    @property
    def none_left(self) -> bool:
        return self._kinds.empty()


async def test_connect_joins_under_the_identity_of_the_token(stage: Stage) -> None:
    """And a second connect does nothing."""
    seen: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        seen.append(ctx.local_participant_identity)
        await ctx.connect()
        await ctx.connect()
        seen.extend([ctx.agent.identity, ctx.room.name, ctx.room.isconnected()])
        ctx.shutdown("seen enough")

    outcome = await stage.run(entrypoint)

    assert seen == ["agent-AJ_1", "agent-AJ_1", stage.room, True]
    assert outcome == JobOutcome(outcome="completed", reason="seen enough")


async def test_wrong_token_fails_the_job_with_the_sdks_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job does not wait for a room that it can't have."""
    monkeypatch.setattr(stage, "token", lambda identity, **_: "not-a-token")

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()

    outcome = await stage.run(entrypoint)

    assert outcome.outcome == "failed"
    assert outcome.error.startswith("ConnectError: ")


async def test_a_server_that_is_silent_is_given_up_in_time_and_joined_when_it_answers(
    livekit_server: LiveKitServer,
) -> None:
    """By the same attempt: of two under one identity the server would put one out.

    And it hears: not so an agent that has joined by another attempt of the SDK's, nor any other
    in its process (livekit 1.2.1), for which this one has a process of its own.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.slow_join",
        str(livekit_server.ports.http),
        livekit_server.api_key,
        livekit_server.api_secret,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(2 * DEADLINE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert json.loads(output.splitlines()[-1]) == {
        "in_time": True,
        "there": ["agent-AJ_1"],
        "hears": True,
        "outcome": "completed",
        "reason": "seen enough",
    }


async def test_audio_only_subscribes_to_audio_of_now_and_later(stage: Stage) -> None:
    """Video is seen and left alone, whenever it comes."""
    caller = await stage.caller("anna")
    await publish_video(caller)
    await publish_audio(caller)
    kinds: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        subscriptions = Subscriptions(ctx.room)
        await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        kinds.append(await subscriptions.next())
        await publish_video(caller)
        await publish_audio(caller)
        kinds.append(await subscriptions.next())
        kinds.append(subscriptions.none_left)
        ctx.shutdown()

    await stage.run(entrypoint)

    assert kinds == [rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_AUDIO, True]


async def test_video_only_subscribes_to_video(stage: Stage) -> None:
    """The mirror image."""
    caller = await stage.caller("anna")
    await publish_audio(caller)
    await publish_video(caller)
    kinds: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        subscriptions = Subscriptions(ctx.room)
        await ctx.connect(auto_subscribe=AutoSubscribe.VIDEO_ONLY)
        kinds.append(await subscriptions.next())
        ctx.shutdown()

    await stage.run(entrypoint)

    assert kinds == [rtc.TrackKind.KIND_VIDEO]


async def test_subscribe_none_hears_of_tracks_and_takes_none(stage: Stage) -> None:
    """What the agent wants it asks for itself."""
    caller = await stage.caller("anna")
    seen: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        subscriptions = Subscriptions(ctx.room)
        await ctx.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
        await publish_audio(caller)
        publication = await subscriptions.next_published()
        seen.append(subscriptions.none_left)
        publication.set_subscribed(True)
        seen.append(await subscriptions.next())
        ctx.shutdown()

    await stage.run(entrypoint)

    assert seen == [True, rtc.TrackKind.KIND_AUDIO]


async def test_subscribe_all_takes_what_comes(stage: Stage) -> None:
    """The default."""
    caller = await stage.caller("anna")
    kinds: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        subscriptions = Subscriptions(ctx.room)
        await ctx.connect()
        await publish_video(caller)
        kinds.append(await subscriptions.next())
        await publish_audio(caller)
        kinds.append(await subscriptions.next())
        ctx.shutdown()

    await stage.run(entrypoint)

    assert kinds == [rtc.TrackKind.KIND_VIDEO, rtc.TrackKind.KIND_AUDIO]


async def test_wait_for_participant_returns_who_is_there(stage: Stage) -> None:
    """It connects by itself."""
    await stage.caller("anna")
    found: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        found.append((await ctx.wait_for_participant()).identity)
        ctx.shutdown()

    await stage.run(entrypoint)

    assert found == ["anna"]


async def test_wait_for_participant_waits_for_the_one_it_was_told(stage: Stage) -> None:
    """Others who are there or come are passed over."""
    await stage.caller("anna")
    found: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(ctx.wait_for_participant(identity="carl"))
            await stage.speaker("bert")
            await stage.speaker("carl")
        found.append(waiting.result().identity)
        ctx.shutdown()

    await stage.run(entrypoint)

    assert found == ["carl"]


async def test_waiting_for_a_participant_may_have_a_deadline(stage: Stage) -> None:
    """The job goes on with its error, and can wait again."""
    found: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        with pytest.raises(ParticipantTimeout, match="'anna' has not joined"):
            await ctx.wait_for_participant(identity="anna", timeout=0.2)
        await stage.speaker("anna")
        found.append((await ctx.wait_for_participant(identity="anna", timeout=DEADLINE)).identity)
        ctx.shutdown()

    await stage.run(entrypoint)

    assert found == ["anna"]


async def test_waiting_for_a_participant_ends_with_the_room(stage: Stage) -> None:
    """Nobody waits for somebody who can't come any more."""

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        await asyncio.gather(ctx.wait_for_participant(), ctx.delete_room())

    outcome = await stage.run(entrypoint)

    assert outcome.reason == "room disconnected"
    assert outcome.error.startswith("JobError: the room was left")


async def test_participant_entrypoints_run_for_those_there_and_those_to_come(
    stage: Stage,
) -> None:
    """Also one that was added after connecting; each participant has a task of its own."""
    await stage.caller("anna")
    early: asyncio.Queue[str] = asyncio.Queue()
    late: asyncio.Queue[str] = asyncio.Queue()
    seen: list[set[str]] = []

    async def greet(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        early.put_nowait(participant.identity)
        await asyncio.Event().wait()

    async def greet_late(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        late.put_nowait(participant.identity)

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_participant_entrypoint(greet)
        await ctx.connect()
        ctx.add_participant_entrypoint(greet_late)
        await stage.speaker("bert")
        seen.append({await early.get(), await early.get()})
        seen.append({await late.get(), await late.get()})
        ctx.shutdown()

    await stage.run(entrypoint)

    assert seen == [{"anna", "bert"}, {"anna", "bert"}]


async def test_failing_participant_entrypoint_costs_nothing_else(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged, the job and the other entrypoint go on."""
    done: list[str] = []

    async def fails(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        raise RuntimeError("no greeting")

    async def works(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        done.append(participant.identity)
        ctx.shutdown("greeted")

    async def entrypoint(ctx: JobContext) -> None:
        ctx.add_participant_entrypoint(fails)
        ctx.add_participant_entrypoint(works)
        await ctx.connect()

    await stage.caller("anna")
    outcome = await stage.run(entrypoint)

    assert done == ["anna"]
    assert outcome == JobOutcome(outcome="completed", reason="greeted")
    assert "participant_entrypoint_failed" in [getattr(r, "action", "") for r in caplog.records]


async def test_agents_are_no_participants_to_wait_for(stage: Stage) -> None:
    """Unless one asks for their kind."""
    found: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        other = rtc.Room()
        await other.connect(stage.url, stage.token("other-agent", kind="agent"))
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        found.append((await ctx.wait_for_participant(kind=kind)).identity)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ctx.wait_for_participant()
        await other.disconnect()
        ctx.shutdown()

    await stage.run(entrypoint)

    assert found == ["other-agent"]


async def test_delete_room_ends_the_job_as_completed(stage: Stage) -> None:
    """Callers are gone too, and deleting it again is no error."""
    caller = await stage.caller("anna")
    caller_left = asyncio.Event()
    caller.on("disconnected", caller_left.set)

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        await ctx.delete_room()
        await caller_left.wait()
        await ctx.delete_room()

    outcome = await stage.run(entrypoint)

    assert outcome == JobOutcome(outcome="completed", reason="room disconnected")


async def test_delete_room_in_a_callback_is_waited_for(stage: Stage) -> None:
    """A job that ends does not drop what it has asked of the server."""
    caller = await stage.caller("anna")
    caller_left = asyncio.Event()
    caller.on("disconnected", caller_left.set)

    async def entrypoint(ctx: JobContext) -> None:
        async def callback() -> None:
            ctx.delete_room()

        ctx.add_shutdown_callback(callback)
        await ctx.connect()
        ctx.shutdown()

    await stage.run(entrypoint)

    async with asyncio.timeout(DEADLINE):
        await caller_left.wait()


async def test_api_calls_the_server(stage: Stage) -> None:
    """The client has the daemon's own address and key."""
    rooms: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        answer = await ctx.api.room.list_rooms(api.ListRoomsRequest(names=[stage.room]))
        rooms.extend(room.name for room in answer.rooms)
        ctx.shutdown()

    await stage.run(entrypoint)

    assert rooms == [stage.room]
