"""Waiting for what others do in a room, against the real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from livekit import api, rtc

from agentd import utils
from agentd.errors import JobError, ParticipantTimeout
from agentd.testing.livekit_server import LiveKitServer

DEADLINE = 30.0
"""Seconds that a test waits for something to happen."""


class Guests:
    """A room, and who joins it until the test is over."""

    def __init__(self, server: LiveKitServer, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self._room = f"room-{uuid.uuid4().hex[:8]}"

    async def join(self, identity: str, *, agent_name: str = "") -> rtc.Room:
        """Somebody, or an agent of this name."""
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        token = token.with_identity(identity).with_grants(
            api.VideoGrants(room_join=True, room=self._room, can_update_own_metadata=True)
        )
        if agent_name:
            token = token.with_kind("agent").with_attributes({"lk.agent.name": agent_name})
        room = rtc.Room()
        await room.connect(self._server.url, token.to_jwt())
        self._stack.push_async_callback(room.disconnect)
        return room


@pytest.fixture
async def guests(livekit_server: LiveKitServer) -> AsyncIterator[Guests]:
    async with AsyncExitStack() as stack:
        yield Guests(livekit_server, stack)


async def publish(room: rtc.Room) -> None:
    """A microphone, which also makes the server announce its owner at once."""
    track = rtc.LocalAudioTrack.create_audio_track("voice", rtc.AudioSource(48000, 1))
    await room.local_participant.publish_track(track)


async def test_an_agent_is_waited_for_by_its_name(guests: Guests) -> None:
    """People, and agents of other names, are not it."""
    me = await guests.join("me")
    await publish(await guests.join("anna"))
    waiting = asyncio.create_task(utils.wait_for_agent(me, agent_name="billing", timeout=DEADLINE))
    await publish(await guests.join("agent-1", agent_name="desk"))
    anybody = await utils.wait_for_agent(me, timeout=DEADLINE)
    assert anybody.identity == "agent-1"
    assert not waiting.done()

    await publish(await guests.join("agent-2", agent_name="billing"))

    assert (await waiting).identity == "agent-2"


async def test_a_track_is_waited_for_by_who_publishes_it(guests: Guests) -> None:
    """There already, or yet to come; subscribed, if that is wanted; one's own, if that is."""
    me = await guests.join("me")
    anna = await guests.join("anna")
    waiting = asyncio.create_task(
        utils.wait_for_track_publication(
            me,
            identity="anna",
            kind=rtc.TrackKind.KIND_AUDIO,
            wait_for_subscription=True,
            timeout=DEADLINE,
        )
    )
    await publish(await guests.join("bert"))
    await publish(anna)

    found = await waiting
    assert found.sid in anna.local_participant.track_publications
    assert found.track is not None
    assert await utils.wait_for_track_publication(me, identity="anna", timeout=1.0) is found
    await publish(me)
    own = await utils.wait_for_track_publication(
        me, identity="me", include_local=True, timeout=DEADLINE
    )
    assert own.sid in me.local_participant.track_publications


async def test_a_participant_who_leaves_is_not_waited_for(guests: Guests) -> None:
    """It will publish nothing any more."""
    me, anna = await guests.join("me"), await guests.join("anna")
    await publish(anna)
    await utils.wait_for_participant(me, identity="anna", timeout=DEADLINE)
    waiting = asyncio.create_task(
        utils.wait_for_track_publication(
            me, identity="anna", kind=rtc.TrackKind.KIND_VIDEO, timeout=DEADLINE
        )
    )
    await asyncio.sleep(0)

    await anna.disconnect()

    with pytest.raises(JobError, match="'anna' has left"):
        await waiting


async def test_an_attribute_is_waited_for(guests: Guests) -> None:
    """Of somebody who is there."""
    me, anna = await guests.join("me"), await guests.join("anna")
    await publish(anna)
    await utils.wait_for_participant(me, identity="anna", timeout=DEADLINE)
    waiting = asyncio.create_task(
        utils.wait_for_participant_attribute(
            me, identity="anna", attribute="mood", value="good", timeout=DEADLINE
        )
    )

    await anna.local_participant.set_attributes({"mood": "good"})

    await waiting
    with pytest.raises(JobError, match="'carl' is not in the room"):
        await utils.wait_for_participant_attribute(me, identity="carl", attribute="a", value="b")


async def test_waiting_has_its_time_and_ends_with_the_room(guests: Guests) -> None:
    """Each with an error that says which."""
    me = await guests.join("me")
    with pytest.raises(ParticipantTimeout, match="there was not an agent within 0.1 s"):
        await utils.wait_for_agent(me, timeout=0.1)
    waiting = asyncio.create_task(utils.wait_for_agent(me, timeout=DEADLINE))
    await asyncio.sleep(0)

    await me.disconnect()

    with pytest.raises(JobError, match="the room was left"):
        await waiting
    with pytest.raises(JobError, match="not connected"):
        await utils.wait_for_agent(me)
