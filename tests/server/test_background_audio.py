"""Sounds beside the voice, in a real room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from livekit import rtc

from agentd import AudioConfig, BackgroundAudioPlayer, BuiltinAudioClip
from agentd.audio.pcm import Clip
from agentd.audio.wav import write_wav
from agentd.errors import SessionError
from agentd.room.background_audio import SOUND_FAILED, SoundFailedEvent
from agentd.room.fake import FakeRoom
from agentd.testing.livekit_server import LiveKitServer
from tests.support.roommates import DEADLINE, Listener, tone, two_in_a_room, until
from tests.support.session_side import State, WritingSession


@pytest.fixture
async def rooms(livekit_server: LiveKitServer) -> AsyncIterator[tuple[rtc.Room, rtc.Room]]:
    async with two_in_a_room(livekit_server) as both:
        yield both


@pytest.fixture
async def caller(rooms: tuple[rtc.Room, rtc.Room]) -> AsyncIterator[Listener]:
    listener = Listener(rooms[1])
    yield listener
    await listener.aclose()


@pytest.fixture
def beep(tmp_path: Path) -> str:
    """A file with a second of sound."""
    path = tmp_path / "beep.wav"
    write_wav(path, Clip(samples=tone(1.0).samples, sample_rate=24000))
    return str(path)


def tracks_of(room: rtc.Room) -> set[str]:
    """The names of what the local participant publishes."""
    return {each.name for each in room.local_participant.track_publications.values()}


async def hears_track(room: rtc.Room) -> None:
    """Wait until the track is listened to, so that nothing of what is played is missed."""

    def subscribed() -> bool:
        tracks = room.remote_participants["agent-1"].track_publications.values()
        return any(each.name == "background_audio" and each.track for each in tracks)

    await until(room, subscribed, "the background track")


async def test_the_ambience_goes_on_until_it_is_closed(
    rooms: tuple[rtc.Room, rtc.Room], caller: Listener, beep: str
) -> None:
    """A file is played again and again, on a track of its own, which is gone afterwards."""
    player = BackgroundAudioPlayer(ambient_sound=AudioConfig(beep, volume=0.5))
    await player.start(room=rooms[0])
    published = tracks_of(rooms[0])
    await caller.hears(2.5)
    await player.aclose()
    await player.aclose()

    assert "background_audio" in published
    assert "background_audio" not in tracks_of(rooms[0])
    assert {
        task.get_name() for task in asyncio.all_tasks() if "sounds:" in task.get_name()
    } == set()


async def test_typing_is_heard_while_the_agent_thinks(
    rooms: tuple[rtc.Room, rtc.Room], caller: Listener, beep: str
) -> None:
    """And not when it has begun to speak."""
    session = WritingSession()
    player = BackgroundAudioPlayer(thinking_sound=beep)
    await player.start(room=rooms[0], agent_session=session)

    session.emit("agent_state_changed", State(old_state="listening", new_state="thinking"))
    await caller.hears(1.5)
    session.emit("agent_state_changed", State(old_state="thinking", new_state="speaking"))
    await caller.hears_nothing(0.5)
    before = caller.heard_seconds
    session.emit("agent_state_changed", State(old_state="speaking", new_state="thinking"))
    await caller.hears(before + 0.5)
    await player.aclose()


async def test_one_sound_is_played_to_its_end(
    rooms: tuple[rtc.Room, rtc.Room], caller: Listener, beep: str
) -> None:
    """Awaiting the handle waits for it."""
    player = BackgroundAudioPlayer()
    await player.start(room=rooms[0])
    await hears_track(rooms[1])

    async with asyncio.timeout(DEADLINE):
        handle = await player.play(beep)
    await caller.hears_nothing(0.3)
    await player.aclose()

    assert handle.done()
    assert handle.error is None
    assert caller.heard_seconds == pytest.approx(1.0, abs=0.3)


async def test_a_broken_sound_is_an_event(
    rooms: tuple[rtc.Room, rtc.Room], caller: Listener, tmp_path: Path, beep: str
) -> None:
    """Nothing is raised, and the other sounds go on."""
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nonsense")
    failed: list[SoundFailedEvent] = []
    player = BackgroundAudioPlayer(ambient_sound=str(broken))
    player.on(SOUND_FAILED, failed.append)

    await player.start(room=rooms[0])
    missing = await player.play("/no/such/file.wav")
    await player.play(beep)
    await caller.hears(0.5)
    await player.aclose()

    assert missing.error is not None
    assert {str(event.sound.source) for event in failed if event.sound} == {
        str(broken),
        "/no/such/file.wav",
    }


async def test_a_room_that_was_left_makes_it_silent(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """The call is told, and not ended."""
    failed: list[SoundFailedEvent] = []
    player = BackgroundAudioPlayer(ambient_sound=BuiltinAudioClip.HOLD_MUSIC)
    player.on(SOUND_FAILED, failed.append)
    await rooms[0].disconnect()

    await player.start(room=rooms[0])
    handle = player.play(BuiltinAudioClip.OFFICE_AMBIENCE)

    assert handle.done()
    assert [event.sound for event in failed] == [None]
    await player.aclose()


async def test_leaving_the_room_ends_the_sounds(
    rooms: tuple[rtc.Room, rtc.Room], beep: str
) -> None:
    """Also where nobody closes the player."""
    player = BackgroundAudioPlayer()
    await player.start(room=rooms[0])
    handle = player.play(beep, loop=True)

    await rooms[0].disconnect()

    async with asyncio.timeout(DEADLINE):
        await handle
    await player.aclose()


async def test_without_a_room_it_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """As in the console; a line says so."""
    player = BackgroundAudioPlayer(ambient_sound=BuiltinAudioClip.CITY_AMBIENCE)

    await player.start(room=FakeRoom(name="console", identity="agent"))
    handle = player.play("beep.wav", loop=True)
    await player.aclose()

    assert handle.done()
    ours = [record for record in caplog.records if record.name == "agentd.room"]
    actions = [vars(record).get("action") for record in ours]
    assert actions == ["background_audio_unavailable"]


async def test_it_has_to_be_started() -> None:
    """A sound that nobody would hear is an error of the app's."""
    with pytest.raises(SessionError, match="start"):
        BackgroundAudioPlayer().play("beep.wav")
