"""The caller's line: into the room, to the agent, and out again.

Each step waits for something that the room tells, with a deadline of its own; where that
passes, the error says which step it was and where to look.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from livekit import api, rtc

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.errors import CallFailed

from .plan import Access
from .timeline import Timeline

LEAVE_TIMEOUT = 5.0


class Line:
    """One caller in one room; its methods are the steps, in order."""

    def __init__(
        self,
        access: Access,
        tasks: TaskOwner,
        source: rtc.AudioSource,
        *,
        heard: Callable[[rtc.Track], None],
        left: Callable[[], None] | None = None,
    ) -> None:
        """`heard` is given the agent's audio track, `left` is called when the agent is lost."""
        self._access = access
        self._tasks = tasks
        self._source = source
        self._heard = heard
        self._left = left
        self.timeline = Timeline()
        self.room = rtc.Room()
        self.identity = f"caller-{secrets.token_hex(3)}"
        self.agent = ""
        """The agent's identity; empty until it is there."""
        self.has_track = False
        """Whether the agent has published audio."""
        self.lost_because = ""
        self.lost = asyncio.Event()
        self._publication: rtc.LocalTrackPublication | None = None
        self._joined = asyncio.Event()

    async def join(self) -> None:
        """Come into the room and publish the microphone, silent as yet."""
        self.room.on("participant_connected", self._on_participant)
        self.room.on("participant_disconnected", self._on_participant_left)
        self.room.on("track_subscribed", self._on_track)
        self.room.on("disconnected", self._on_disconnected)
        if not self._access.agent_name:
            self.timeline.mark("dispatched", now())
        try:
            async with asyncio.timeout(self._access.timeout):
                await self.room.connect(self._access.url, self._token())
                track = rtc.LocalAudioTrack.create_audio_track("speech", self._source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                participant = self.room.local_participant
                self._publication = await participant.publish_track(track, options)
        except (rtc.ConnectError, rtc.participant.PublishTrackError) as error:
            raise CallFailed(self._why_not_joined(error.message), step="join") from error
        except TimeoutError:
            why = f"no answer within {self._access.timeout:g} s"
            raise CallFailed(self._why_not_joined(why), step="join") from None
        for participant_there in self.room.remote_participants.values():
            self._on_participant(participant_there)

    async def dispatch(self) -> None:
        """Ask for the agent by its name, and wait until it is in the room."""
        plan = self._access
        if plan.agent_name:
            self.timeline.mark("dispatched", now())
            await self._create_dispatch()
        if await self.comes(self._joined.wait(), plan.timeout):
            return
        remedy = (
            f"is a worker registered under the name '{plan.agent_name}'? The daemon's log says "
            f"'registered with LiveKit' and the agent_name it has"
            if plan.agent_name
            else "is a worker registered without an agent name? To call one that has a name, "
            "give it with --agent"
        )
        raise CallFailed(self.why(f"no agent joined room '{plan.room}'", remedy), step="joined")

    async def wait_until_heard(self) -> None:
        """Wait until the agent has subscribed to the microphone, so that no word is lost."""
        assert self._publication is not None
        remedy = (
            "does its entrypoint call ctx.connect() with audio subscribed "
            "(AutoSubscribe.AUDIO_ONLY or SUBSCRIBE_ALL)?"
        )
        message = f"the agent '{self.agent}' does not listen to the caller"
        subscribed = self._publication.wait_for_subscription()
        if not await self.comes(subscribed, self._access.timeout):
            raise CallFailed(self.why(message, remedy), step="listening")
        self.timeline.mark("listening", now())

    async def leave(self) -> None:
        """Leave the room, at whatever step."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self.room.disconnect()
                await self._source.aclose()
        except TimeoutError:
            # The server drops the participant by itself when the process ends.
            return

    # -- what the room tells -------------------------------------------------------

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT or self.agent:
            return
        self.agent = participant.identity
        self.timeline.mark("joined", now())
        self._joined.set()

    def _on_participant_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self.agent:
            self._lose("the agent left the room")

    def _on_track(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if track.kind != rtc.TrackKind.KIND_AUDIO or self.has_track:
            return
        # The room tells of a track after its participant, but be it the other way round.
        self._on_participant(participant)
        if participant.identity != self.agent:
            return
        self.has_track = True
        self.timeline.mark("track subscribed", now())
        self._heard(track)

    def _on_disconnected(self, reason: object) -> None:
        self._lose("the connection to the room was lost")

    def _lose(self, because: str) -> None:
        self.lost_because = self.lost_because or because
        self.lost.set()
        if self._left is not None:
            self._left()

    async def comes(self, something: Coroutine[Any, Any, object], seconds: float) -> bool:
        """Wait for something; says whether it came before its deadline and before the agent left.

        Raises what it raised.
        """
        step = self._tasks.start(something, name="step")
        lost = self._tasks.start(self.lost.wait(), name="lost")
        try:
            await asyncio.wait((step, lost), timeout=seconds, return_when="FIRST_COMPLETED")
            if not step.done():
                return False
            step.result()
            return True
        finally:
            await cancel_and_wait(step, lost)

    def _token(self) -> str:
        plan = self._access
        grants = api.VideoGrants(room_join=True, room=plan.room)
        token = api.AccessToken(plan.api_key, plan.api_secret)
        return token.with_identity(self.identity).with_grants(grants).to_jwt()

    async def _create_dispatch(self) -> None:
        plan = self._access
        request = api.CreateAgentDispatchRequest(
            room=plan.room, agent_name=plan.agent_name, metadata=plan.metadata
        )
        timeout = aiohttp.ClientTimeout(total=plan.timeout)
        try:
            async with api.LiveKitAPI(
                plan.url, plan.api_key, plan.api_secret, timeout=timeout
            ) as livekit:
                await livekit.agent_dispatch.create_dispatch(request)
        except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
            raise CallFailed(
                f"LiveKit did not take the dispatch of '{plan.agent_name}' "
                f"to room '{plan.room}': {error}",
                step="dispatched",
            ) from error

    def why(self, what: str, remedy: str) -> str:
        """An error's text: what did not come, why as far as it is known, and where to look."""
        if self.lost_because:
            return f"{what}: {self.lost_because}; look at the agent's log"
        return f"{what} within {self._access.timeout:g} s: {remedy}"

    def _why_not_joined(self, error: str) -> str:
        plan = self._access
        if "401" in error or "unauthorized" in error.lower():
            # The server's own text has the token in it, which is not for logs.
            error = "the server refused the token"
            remedy = f"the API key '{plan.api_key}' or its secret is not the server's"
        else:
            remedy = "is a LiveKit server running there? (LIVEKIT_URL or --url names it)"
        return f"could not join room '{plan.room}' at '{plan.url}': {error[:200]}; {remedy}"
