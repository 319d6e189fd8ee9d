"""The examples that talk, under the real daemon: written to, and read along as they speak."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit import rtc

from agentd.testing.livekit_server import LiveKitServer
from tests.support.chat import Chat
from tests.support.daemon import Daemon, callers_of, running_daemon

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.timeout(150)


@asynccontextmanager
async def called(
    server: LiveKitServer, workdir: Path, example: str
) -> AsyncIterator[tuple[Daemon, Chat]]:
    """An example that somebody is in a call with; it ends well."""
    app = EXAMPLES / f"{example}.py"
    async with (
        running_daemon(workdir, "start", str(app), server=server) as daemon,
        callers_of(server) as callers,
    ):
        await daemon.wait_ready()
        room = await callers.join(example)
        await publish_silence(room)
        chat = Chat(room)
        await callers.dispatch(daemon, "", room=example)
        await daemon.wait_for(action="participant_linked")
        yield daemon, chat
        await callers.delete_room(example)
        assert await daemon.stop() == 0


async def publish_silence(room: rtc.Room) -> None:
    """A microphone, so that the caller is announced at once."""
    track = rtc.LocalAudioTrack.create_audio_track("microphone", rtc.AudioSource(24000, 1))
    await room.local_participant.publish_track(track)


async def test_two_agents_hand_over(livekit_server: LiveKitServer, workdir: Path) -> None:
    """The desk hands over to billing, which answers by a tool and hands back."""
    async with called(livekit_server, workdir, "handoff") as (_, chat):
        await chat.reads("Front desk, how can I help?")
        await chat.write("I have a question about my bill")
        await chat.reads("Billing here.")
        await chat.write("what do I owe")
        await chat.reads("You owe 42 dollars.")
        chat.said.clear()
        await chat.write("back please")
        await chat.reads("Front desk, how can I help?")


async def test_a_form_is_filled_in_a_conversation(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The task asks until it has all, and what it has goes on to the agent."""
    async with called(livekit_server, workdir, "booking") as (_, chat):
        await chat.write("a table please")
        await chat.reads("For how many?")
        await chat.write("for four")
        await chat.reads("And at what hour?")
        await chat.write("at seven")
        await chat.reads("Booked for 4 at 7.")


async def test_a_conversation_goes_on_counting_when_it_is_killed(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Another process has the session's userdata, and answers as if nothing had happened."""
    async with called(livekit_server, workdir, "counter") as (daemon, chat):
        await chat.write("more")
        await chat.reads("That is 1.")
        (job,) = daemon.seen(action="participant_linked")

        os.kill(job["pid"], signal.SIGKILL)
        resumed = await daemon.wait_for(action="conversation_resumed")
        await daemon.wait_for(action="participant_linked", pid=resumed["pid"])
        await chat.write("more")

        await chat.reads("That is 2.")
        assert resumed["pid"] != job["pid"]
