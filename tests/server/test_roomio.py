"""A session in a real room: who is linked, what is written, what clients see."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc
from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.room.deprecated import RoomOutputOptions
from agentd.room.options import RoomOptions, TextInputEvent, TextInputOptions
from agentd.room.roomio import RoomIO
from agentd.room.text_input import MAX_TEXT
from agentd.testing.livekit_server import LiveKitServer
from tests.support.roommates import join, tone, until
from tests.support.session_side import State, Transcribed, WritingSession

DEADLINE = 10.0


class Note(Struct, frozen=True, kw_only=True):
    """A transcript as a client sees it."""

    sender: str
    text: str
    attributes: dict[str, str]


class Client:
    """A caller's app: it reads transcripts, and writes."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.notes: list[Note] = []
        self._tasks = TaskOwner("client")
        self._changed = asyncio.Condition()
        room.register_text_stream_handler("lk.transcription", self._on_stream)

    async def has_notes(self, count: int) -> list[Note]:
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.notes) >= count)
        return self.notes

    def _on_stream(self, reader: rtc.TextStreamReader, sender: str) -> None:
        self._tasks.start(self._read(reader, sender), name="read")

    async def _read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        text = await reader.read_all()
        self.notes.append(Note(sender=sender, text=text, attributes=reader.info.attributes or {}))
        async with self._changed:
            self._changed.notify_all()

    async def leave(self) -> None:
        await self.room.disconnect()
        await self._tasks.aclose()


class Scene:
    """An agent's room, its session, and the room's I/O."""

    def __init__(self, server: LiveKitServer, name: str, agent: rtc.Room) -> None:
        self.server = server
        self.name = name
        self.agent = agent
        self.session = WritingSession()

    def io(self, **options: object) -> RoomIO:
        return RoomIO(self.session, self.agent, options=RoomOptions(**options))  # type: ignore[arg-type]

    @asynccontextmanager
    async def caller(self, identity: str = "caller-1") -> AsyncIterator[Client]:
        """A caller with a microphone, who leaves at the end of the block."""
        client = Client(await join(self.server, self.name, identity))
        source = rtc.AudioSource(24000, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await client.room.local_participant.publish_track(track, options)
        await until(self.agent, lambda: identity in self.agent.remote_participants, identity)
        try:
            yield client
        finally:
            await client.leave()


@pytest.fixture
async def scene(livekit_server: LiveKitServer) -> AsyncIterator[Scene]:
    name = f"roomio-{uuid.uuid4().hex[:8]}"
    agent = await join(livekit_server, name, "agent-1", kind="agent")
    yield Scene(livekit_server, name, agent)
    await agent.disconnect()


@asynccontextmanager
async def started(io: RoomIO) -> AsyncIterator[RoomIO]:
    await io.start()
    try:
        yield io
    finally:
        await io.aclose()


async def test_the_first_caller_is_linked(scene: Scene) -> None:
    """Whoever comes first is who the agent talks with; a second one is not."""
    async with started(scene.io()) as io, scene.caller(), scene.caller("caller-2"):
        await scene.session.until(("audience", True))

        assert io.linked_participant is not None
        assert io.linked_participant.identity == "caller-1"


async def test_only_the_one_asked_for_is_linked(scene: Scene) -> None:
    """With an identity given, others are not listened to."""
    io = scene.io(participant_identity="caller-2")
    async with started(io), scene.caller():
        before = io.linked_participant
        async with scene.caller("caller-2"):
            await scene.session.until(("audience", True))
            after = io.linked_participant

    assert before is None
    assert after is not None
    assert after.identity == "caller-2"


async def test_an_agents_avatar_is_not_linked(scene: Scene) -> None:
    """A participant that publishes on behalf of the agent is no caller."""
    async with scene.caller() as avatar:
        await avatar.room.local_participant.set_attributes({"lk.publish_on_behalf": "agent-1"})
        seen = scene.agent.remote_participants["caller-1"]
        await until(scene.agent, lambda: bool(seen.attributes), "the attribute")
        async with started(scene.io()) as io:
            linked = io.linked_participant

    assert linked is None


async def test_a_caller_that_hangs_up_ends_the_session(scene: Scene) -> None:
    """The session is told who has left and why."""
    async with started(scene.io()):
        async with scene.caller():
            await scene.session.until(("audience", True))

        await scene.session.until(("left", ("caller-1", "CLIENT_INITIATED")))


async def test_a_caller_that_is_lost_is_waited_for(scene: Scene) -> None:
    """Put out of the room it may come back, and is linked again."""
    async with (
        started(scene.io()) as io,
        api.LiveKitAPI(scene.server.url, scene.server.api_key, scene.server.api_secret) as server,
    ):
        async with scene.caller():
            await scene.session.until(("audience", True))
            await server.room.remove_participant(
                api.RoomParticipantIdentity(room=scene.name, identity="caller-1")
            )
            await scene.session.until(("audience", False))
        scene.session.told.clear()
        async with scene.caller():
            await scene.session.until(("audience", True))
            again, told = io.linked_participant, list(scene.session.told)

    assert again is not None
    assert "left" not in {what for what, _ in told}


async def test_a_switch_to_another_caller(scene: Scene) -> None:
    """`set_participant` moves the link."""
    async with started(scene.io()) as io, scene.caller(), scene.caller("caller-2"):
        await scene.session.until(("audience", True))

        io.set_participant("caller-2")
        second = io.linked_participant
        io.unset_participant()

    assert second is not None
    assert second.identity == "caller-2"
    assert io.linked_participant is None


async def test_agents_words_are_one_stream_a_segment(scene: Scene) -> None:
    """Pieces are put together by the client; the end says that it is final."""
    async with started(scene.io()), scene.caller() as client:
        await scene.session.until(("audience", True))
        words = scene.session.output.transcription
        assert words is not None

        await words.capture_text("Hello, ")
        await words.capture_text("caller.")
        words.flush()
        await words.capture_text("Again.")
        words.flush()
        first, second = await client.has_notes(2)

    assert (first.sender, first.text) == ("agent-1", "Hello, caller.")
    assert second.text == "Again."
    assert first.attributes["lk.transcription_final"] == "true"
    assert first.attributes["lk.segment_id"] != second.attributes["lk.segment_id"]
    assert first.attributes["lk.transcribed_track_id"].startswith("TR_")


async def test_a_users_words_come_under_the_users_name(scene: Scene) -> None:
    """Interims and the final of one utterance share a segment."""
    async with started(scene.io()), scene.caller() as client:
        await scene.session.until(("audience", True))

        scene.session.emit("user_input_transcribed", Transcribed(transcript="good", is_final=False))
        await client.has_notes(1)
        scene.session.emit(
            "user_input_transcribed", Transcribed(transcript="good morning", is_final=True)
        )
        interim, final = await client.has_notes(2)

    assert [note.sender for note in (interim, final)] == ["caller-1", "caller-1"]
    assert (interim.text, interim.attributes["lk.transcription_final"]) == ("good", "false")
    assert (final.text, final.attributes["lk.transcription_final"]) == ("good morning", "true")
    assert interim.attributes["lk.segment_id"] == final.attributes["lk.segment_id"]


async def test_a_chat_message_is_taken(scene: Scene) -> None:
    """What the linked caller writes reaches the session."""
    async with started(scene.io()), scene.caller() as client:
        await scene.session.until(("audience", True))

        await client.room.local_participant.send_text("hi there", topic="lk.chat")

        await scene.session.until(("text", "hi there"))


async def test_a_handler_of_the_apps_takes_messages_instead(scene: Scene) -> None:
    """One that raises costs the session nothing: the next message still comes."""
    got: list[str] = []

    async def take(_session: object, event: TextInputEvent) -> None:
        got.append(event.text)
        if event.text == "bad":
            raise ValueError("not understood")
        scene.session.take_text(event.text.upper())

    io = scene.io(text_input=TextInputOptions(text_input_cb=take))
    async with started(io), scene.caller() as client:
        await scene.session.until(("audience", True))

        await client.room.local_participant.send_text("bad", topic="lk.chat")
        await client.room.local_participant.send_text("good", topic="lk.chat")
        await scene.session.until(("text", "GOOD"))

    assert got == ["bad", "good"]


async def test_a_message_of_a_megabyte_is_refused(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out whole, with a line that says so; a later one is taken."""
    async with started(scene.io()), scene.caller() as client:
        await scene.session.until(("audience", True))

        await client.room.local_participant.send_text("x" * 1_000_000, topic="lk.chat")
        await client.room.local_participant.send_text("y" * MAX_TEXT, topic="lk.chat")
        await scene.session.until(("text", "y" * MAX_TEXT))

    refused = [each for each in caplog.records if vars(each).get("action") == "text_refused"]
    assert [vars(each)["reason"] for each in refused] == ["it is longer than 50000 characters"]
    assert ("text", "x" * 1_000_000) not in scene.session.told


async def test_a_stranger_in_the_room_is_not_heard(scene: Scene) -> None:
    """Only the linked caller's messages count."""
    async with started(scene.io()), scene.caller() as client, scene.caller("other") as other:
        await scene.session.until(("audience", True))

        await other.room.local_participant.send_text("from another", topic="lk.chat")
        await client.room.local_participant.send_text("from the caller", topic="lk.chat")
        await scene.session.until(("text", "from the caller"))

    assert ("text", "from another") not in scene.session.told


async def test_clients_see_the_agents_state(scene: Scene) -> None:
    """The attribute follows each change, and shows the last of several."""
    async with started(scene.io()), scene.caller() as client:
        agent = client.room.remote_participants["agent-1"]
        for old, new in (("initializing", "listening"), ("listening", "thinking")):
            scene.session.emit("agent_state_changed", State(old_state=old, new_state=new))

        await until(
            client.room,
            lambda: agent.attributes.get("lk.agent.state") == "thinking",
            "the state",
        )


async def test_words_may_run_ahead_of_the_voice(scene: Scene) -> None:
    """As the former two-part options say it, too."""
    output = RoomOutputOptions(sync_transcription=False, transcription_speed_factor=2.0)
    io = RoomIO(scene.session, scene.agent, output_options=output)
    async with started(io):
        words = scene.session.output.transcription

    assert words is not None
    assert (words.in_step, words.speed_factor) == (False, 2.0)


async def test_slots_that_are_taken_are_left_alone(scene: Scene) -> None:
    """What the user has put in stays; switched-off parts leave their slots empty."""
    io = scene.io(audio_input=False, audio_output=False, text_output=False)
    async with started(io):
        slots = (
            scene.session.input.audio,
            scene.session.output.audio,
            scene.session.output.transcription,
        )

    assert slots == (None, None, None)


async def test_audio_from_before_the_connection_comes_first(scene: Scene) -> None:
    """What a client recorded while it was connecting is heard as if it were live."""
    async with started(scene.io()), scene.caller() as client:
        await scene.session.until(("audience", True))
        ears = scene.session.input.audio
        assert ears is not None

        writer = await client.room.local_participant.stream_bytes(
            "early",
            topic="lk.agent.pre-connect-audio-buffer",
            mime_type="audio/pcm",
            attributes={"sampleRate": "16000", "channels": "1"},
        )
        await writer.write(tone(0.5, 16000).data)
        await writer.aclose()
        async with asyncio.timeout(DEADLINE):
            heard = await anext(aiter(frame async for frame in ears if frame.samples.any()))

    assert heard.sample_rate == 24000
    assert heard.duration == pytest.approx(0.5)


async def test_a_room_that_is_left_while_starting_costs_only_audio(scene: Scene) -> None:
    """Where the track can't be published the session is told, and goes on."""
    await scene.agent.disconnect()
    async with started(scene.io()):
        lost = [value for what, value in scene.session.told if what == "audio lost"]

    assert len(lost) == 1
    assert scene.session.output.audio is None
