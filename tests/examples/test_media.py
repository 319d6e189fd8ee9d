"""The examples with sounds, keys and pictures, under the real daemon, in a real room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit import rtc

from agentd.testing.livekit_server import LiveKitServer
from tests.support.chat import Chat
from tests.support.daemon import callers_of, running_daemon
from tests.support.roommates import Listener, camera_of

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE = 15.0

pytestmark = pytest.mark.timeout(150)


class Call:
    """Somebody in a call with an example."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.ear = Listener(room)
        self.chat = Chat(room)


@asynccontextmanager
async def called(server: LiveKitServer, workdir: Path, example: str) -> AsyncIterator[Call]:
    """A call with an example, which ends well."""
    app = EXAMPLES / f"{example}.py"
    async with (
        running_daemon(workdir, "start", str(app), server=server) as daemon,
        callers_of(server) as callers,
    ):
        await daemon.wait_ready()
        call = Call(await callers.join(example))
        await call.chat.has_microphone()  # so that the caller is announced at once
        await callers.dispatch(daemon, "", room=example)
        await daemon.wait_for(action="participant_linked")
        yield call
        await callers.delete_room(example)
        await call.ear.aclose()
        assert await daemon.stop() == 0


async def test_a_menu_is_walked_through_by_keys(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The caller's keys are answered, and the agent presses keys of its own."""
    async with called(livekit_server, workdir, "dtmf_menu") as call:
        heard: asyncio.Queue[rtc.SipDTMF] = asyncio.Queue()
        call.room.on("sip_dtmf_received", heard.put_nowait)

        await call.chat.reads("Press one for our opening hours")
        await call.room.local_participant.publish_dtmf(code=1, digit="1")
        await call.chat.reads("We are open from nine to five.")
        await call.chat.write("call the porter")
        await call.chat.reads("I have pressed 4 #.")
        async with asyncio.timeout(DEADLINE):
            keys = [(await heard.get()).digit for _ in range(2)]

    assert keys == ["4", "#"]


async def test_music_is_heard_on_hold(livekit_server: LiveKitServer, workdir: Path) -> None:
    """Beside the agent's voice, on a track of its own."""
    async with called(livekit_server, workdir, "background_music") as call:
        await call.chat.reads("How can I help?")
        await call.chat.write("hold the line")
        await call.chat.reads("Hold the line, please.")
        await call.ear.hears(5.0)
        await call.chat.write("go on")
        await call.chat.reads("Thank you for waiting.")
        (agent,) = call.room.remote_participants.values()
        tracks = {each.name for each in agent.track_publications.values()}

    assert "background_audio" in tracks


async def test_the_camera_is_looked_at(livekit_server: LiveKitServer, workdir: Path) -> None:
    """The agent says which colour it shows."""
    async with called(livekit_server, workdir, "video_watcher") as call:
        await call.chat.reads("Show me something.")
        await call.chat.write("what colour is it")
        await call.chat.reads("I see nothing yet.")
        async with camera_of(call.room, 40, 40, 200):
            while "I see something blue." not in call.chat.said:
                call.chat.said.clear()
                await call.chat.write("what colour is it")
                await call.chat.reads("I see ")


async def test_a_phrase_is_said_in_another_language(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """And back, when it is turned round."""
    async with called(livekit_server, workdir, "translator") as call:
        await call.chat.reads("Ich übersetze ins Deutsche.")
        await call.chat.write("Where is the station?")
        await call.chat.reads("Wo ist der Bahnhof.")
        await call.chat.write("in english, please")
        await call.chat.reads("I translate into English.")
        await call.chat.write("Guten Morgen!")
        await call.chat.reads("Good morning.")
