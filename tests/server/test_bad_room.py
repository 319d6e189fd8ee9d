"""Rooms and callers that go wrong while a session is in them (docs/bad-input.md)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc

from agentd.room.options import RoomOptions
from agentd.room.roomio import RoomIO
from agentd.room.text_input import MAX_TEXT
from agentd.testing import FakeLLM
from agentd.testing.livekit_server import LiveKitServer
from tests.support.changes import Changes
from tests.support.room_calls import DEADLINE, call, said
from tests.support.roommates import join, tone, until
from tests.support.scenes import lines
from tests.support.session_side import WritingSession

STORY = "Once upon a time there was a king who lived in a castle, far away from here. " * 3


async def sees(room: rtc.Room, identity: str) -> None:
    """Wait until a participant is known in a room."""
    await until(room, lambda: identity in room.remote_participants, identity)


async def delete_room(server: LiveKitServer, name: str) -> None:
    """Delete it, as an operator does."""
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        await client.room.delete_room(api.DeleteRoomRequest(room=name))


async def test_a_room_deleted_mid_reply_ends_the_session(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At once, whichever of its ends the SDK tells of first; what nobody heard was not said."""
    caplog.set_level("INFO")
    async with call(livekit_server, llm=FakeLLM([STORY])) as (session, caller, events):
        session.generate_reply()
        await caller.ears.hears(1.0)

        await delete_room(livekit_server, caller.room.name)
        await caller.until(lambda: bool(events))

        assert events == ["close: participant_disconnected"]
        assert said(session)[0].endswith("/")
        assert len(said(session)[0]) < len(STORY) / 2
    assert lines(caplog, "room_lost", "participant_left") != []


async def test_a_caller_who_leaves_in_mid_sentence_is_waited_for_in_silence(
    livekit_server: LiveKitServer,
) -> None:
    """Where the session outlasts the caller: nobody hears the rest; the next one is answered."""
    options = RoomOptions(close_on_disconnect=False)
    llm = FakeLLM([STORY, "Welcome back."])
    async with call(livekit_server, room_options=options, llm=llm) as (session, caller, events):
        speech = session.generate_reply()
        await caller.ears.hears(1.0)

        name = caller.room.name
        await caller.room.disconnect()
        async with asyncio.timeout(DEADLINE):
            await speech
        again = await join(livekit_server, name, "caller-1")
        agent = session.room_io.room  # type: ignore[attr-defined]  # RoomIO has it
        await sees(agent, "caller-1")
        await again.local_participant.send_text("I am back", topic="lk.chat")
        await caller.until(lambda: len(said(session)) == 3)
        await again.disconnect()

        assert speech.interrupted
        assert said(session)[0].endswith("/")
        assert len(said(session)[0]) < len(STORY) / 2
        assert said(session)[1:] == ["user: I am back", "assistant: Welcome back."]
        assert events == []


async def test_a_message_of_a_megabyte_costs_the_conversation_nothing(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out whole, neither heard nor remembered; the next one is answered."""
    async with call(livekit_server, llm=FakeLLM(["Hello to you."])) as (session, caller, _):
        await caller.write("x" * 1_000_000)
        await caller.write("  ")
        await caller.write("Hello!")
        await caller.until(lambda: len(said(session)) == 2)

        assert said(session) == ["user: Hello!", "assistant: Hello to you."]
    reasons = [vars(line)["reason"] for line in lines(caplog, "text_refused")]
    assert reasons == [f"it is longer than {MAX_TEXT} characters", "it is empty"]


# -- two agents ----------------------------------------------------------------------------


@asynccontextmanager
async def agents_in_a_room(
    server: LiveKitServer, *identities: str
) -> AsyncIterator[tuple[list[rtc.Room], rtc.Room]]:
    """Agents, and a caller who comes after all of them."""
    name = f"shared-{uuid.uuid4().hex[:8]}"
    rooms = [await join(server, name, identity, kind="agent") for identity in identities]
    caller = await join(server, name, "caller-1")
    source = rtc.AudioSource(24000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await caller.local_participant.publish_track(track, options)
    for room in rooms:
        await sees(room, "caller-1")
    try:
        yield rooms, caller
    finally:
        for room in (caller, *rooms):
            await room.disconnect()


async def test_two_agents_may_talk_with_one_participant(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither takes the other for a caller; both get what is written, and each says so."""
    async with agents_in_a_room(livekit_server, "agent-1", "agent-2") as (rooms, caller):
        sessions = [WritingSession(), WritingSession()]
        ios = [RoomIO(session, room) for session, room in zip(sessions, rooms, strict=True)]
        for io in ios:
            await io.start()
        for session, room, other in zip(sessions, rooms, ("agent-2", "agent-1"), strict=True):
            await session.until(("audience", True))
            await sees(room, other)

        await caller.local_participant.send_text("hi there", topic="lk.chat")
        for session in sessions:
            await session.until(("text", "hi there"))
        linked = [io.linked_participant for io in ios]
        for io in ios:
            await io.aclose()

    assert [each.identity for each in linked if each is not None] == ["caller-1", "caller-1"]
    shared = lines(caplog, "participant_shared")
    told = {(vars(line)["participant"], vars(line)["agent"]) for line in shared}
    assert told == {("caller-1", "agent-1"), ("caller-1", "agent-2")}


async def test_two_sessions_in_one_connection_share_its_participant(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Both hear it; what it writes goes to the first, and the log says so of the second."""
    async with agents_in_a_room(livekit_server, "agent-1") as ([room], caller):
        first, second = WritingSession(), WritingSession()
        ios = [RoomIO(first, room), RoomIO(second, room)]
        for io in ios:
            await io.start()
        await second.until(("audience", True))

        await caller.local_participant.send_text("hi there", topic="lk.chat")
        await first.until(("text", "hi there"))
        for io in ios:
            await io.aclose()

    assert ("text", "hi there") not in second.told
    assert len(lines(caplog, "text_input_taken")) == 1


# -- audio from before the connection --------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {"sampleRate": "2147483629"},
        {"sampleRate": "95987"},
        {"sampleRate": "0"},
        {"sampleRate": "fast"},
        {"channels": "0"},
        {"channels": "-2"},
        {"channels": "1000000"},
    ],
)
async def test_audio_of_a_form_that_can_not_be_is_left_out(
    attributes: dict[str, str], livekit_server: LiveKitServer
) -> None:
    """What a client says of its audio is not believed: nothing is made ready for such a rate."""
    with Changes() as log:
        async with agents_in_a_room(livekit_server, "agent-1") as ([room], caller):
            session = WritingSession()
            io = RoomIO(session, room)
            await io.start()
            await session.until(("audience", True))

            writer = await caller.local_participant.stream_bytes(
                "early",
                topic="lk.agent.pre-connect-audio-buffer",
                mime_type="audio/pcm",
                attributes={"sampleRate": "16000", "channels": "1", **attributes},
            )
            await writer.write(tone(0.5, 16000).data)
            await writer.aclose()
            await log.until(lambda: log.actions("pre_connect_dropped"))
            await io.aclose()

    assert len(log.actions("pre_connect_dropped")) == 1
    assert log.actions("task_failed") == []
