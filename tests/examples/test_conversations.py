"""The examples that talk, under the real daemon: written to, and read along as they speak."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.chat import Chat
from tests.support.daemon import Daemon, callers_of, running_daemon
from tests.support.recordings import recording

EXAMPLES = Path(__file__).parents[2] / "examples"

YOUR_COUNTRY = recording("jfk").cut(7.7, 11.0)
"""The last words of it: "ask what you can do for your country"."""

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
        chat = Chat(await callers.join(example))
        await chat.has_microphone()  # so that the caller is announced at once
        await callers.dispatch(daemon, "", room=example)
        await daemon.wait_for(action="participant_linked")
        yield daemon, chat
        await callers.delete_room(example)
        assert await daemon.stop() == 0


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


async def test_the_tools_of_an_mcp_server_answer(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The server is a process beside the agent's, which the call has started."""
    async with called(livekit_server, workdir, "mcp_agent") as (_, chat):
        await chat.write("when are you open")
        await chat.reads("We are open from nine to six.")
        await chat.write("where is Dune")
        await chat.reads("Dune is in science fiction.")


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


async def test_a_button_is_held_to_talk(livekit_server: LiveKitServer, workdir: Path) -> None:
    """What is said before it is pressed is not heard; what is said while it is held is answered."""
    async with called(livekit_server, workdir, "push_to_talk") as (_, chat):
        await chat.speaks(YOUR_COUNTRY)
        assert await chat.rpc("start_turn") == "listening"
        await chat.speaks(YOUR_COUNTRY)
        assert await chat.rpc("end_turn") == "answering"

        await chat.reads("You spoke of your country.")
        assert len(chat.said) == 1


async def test_minutes_are_taken_of_everybody(livekit_server: LiveKitServer, workdir: Path) -> None:
    """Each line has the name of who said it."""
    app = EXAMPLES / "transcriber.py"
    async with (
        running_daemon(workdir, "start", str(app), server=livekit_server) as daemon,
        callers_of(livekit_server) as callers,
    ):
        await daemon.wait_ready()
        chats = [Chat(await callers.join("minutes"), topic="minutes") for _ in range(2)]
        for chat in chats:
            await chat.has_microphone()
        job = await callers.dispatch(daemon, "", room="minutes")
        await daemon.wait_for(action="job_assigned", room=job.room)

        await asyncio.gather(*(chat.speaks(YOUR_COUNTRY) for chat in chats))

        for one in chats:
            for other in chats:
                await one.reads(f"{other.identity}: ")
        assert any("country" in line for line in chats[0].said)
        await callers.delete_room("minutes")
        assert await daemon.stop() == 0
