"""One scripted call, from the dispatch to the end of the answer.

Each step waits for something that the room tells, with a deadline of its own; where that
passes, the error says which step it was and where to look.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from livekit import api, rtc

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.errors import CallFailed

from .answer import AnswerWatch
from .plan import CallPlan, CallReport
from .speech import Ear, microphone, speak
from .timeline import Timeline

LEAVE_TIMEOUT = 5.0


async def place_call(plan: CallPlan) -> CallReport:
    """Call an agent, speak, and record what it answers.

    Raises CallFailed, which names the step, when something did not come in time, and AudioError
    for a recording that can't be sent. The room has been left when it returns or raises.
    """
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(TaskOwner(f"call {plan.room}"))
        call = _Call(plan, tasks)
        stack.push_async_callback(call.leave)
        await call.join()
        await call.dispatch()
        await call.wait_until_heard()
        await call.speak()
        ended = await call.wait_for_answer()
        return call.report(answer_ended=ended)


class _Call:
    """The state of one call; its methods are the steps, in order."""

    def __init__(self, plan: CallPlan, tasks: TaskOwner) -> None:
        self._plan = plan
        self._tasks = tasks
        self._timeline = Timeline()
        self._watch = AnswerWatch(plan.silence_after)
        # The recording holds everything from the track's coming: speech, reply and the waits.
        longest = plan.speech.duration + plan.max_answer + 3 * plan.timeout
        self._ear = Ear(self._watch, plan.speech.sample_rate, longest)
        self._source = microphone(plan.speech.sample_rate)
        self._room = rtc.Room()
        self._publication: rtc.LocalTrackPublication | None = None
        self._agent = ""
        self._joined = asyncio.Event()
        self._has_track = False
        self._lost_because = ""
        self._lost = asyncio.Event()

    # -- steps -------------------------------------------------------------------

    async def join(self) -> None:
        """Come into the room and publish the microphone, silent as yet."""
        self._room.on("participant_connected", self._on_participant)
        self._room.on("participant_disconnected", self._on_participant_left)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("disconnected", self._on_disconnected)
        if not self._plan.agent_name:
            self._timeline.mark("dispatched", now())
        try:
            async with asyncio.timeout(self._plan.timeout):
                await self._room.connect(self._plan.url, self._token())
                track = rtc.LocalAudioTrack.create_audio_track("speech", self._source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                participant = self._room.local_participant
                self._publication = await participant.publish_track(track, options)
        except (rtc.ConnectError, rtc.participant.PublishTrackError) as error:
            raise CallFailed(self._why_not_joined(error.message), step="join") from error
        except TimeoutError:
            why = f"no answer within {self._plan.timeout:g} s"
            raise CallFailed(self._why_not_joined(why), step="join") from None
        for participant_there in self._room.remote_participants.values():
            self._on_participant(participant_there)

    async def dispatch(self) -> None:
        """Ask for the agent by its name, and wait until it is in the room."""
        plan = self._plan
        if plan.agent_name:
            self._timeline.mark("dispatched", now())
            await self._create_dispatch()
        if await self._comes(self._joined.wait(), plan.timeout):
            return
        remedy = (
            f"is a worker registered under the name '{plan.agent_name}'? The daemon's log says "
            f"'registered with LiveKit' and the agent_name it has"
            if plan.agent_name
            else "is a worker registered without an agent name? To call one that has a name, "
            "give it with --agent"
        )
        raise CallFailed(self._why(f"no agent joined room '{plan.room}'", remedy), step="joined")

    async def wait_until_heard(self) -> None:
        """Wait until the agent has subscribed to the microphone, so that no word is lost."""
        assert self._publication is not None
        remedy = (
            "does its entrypoint call ctx.connect() with audio subscribed "
            "(AutoSubscribe.AUDIO_ONLY or SUBSCRIBE_ALL)?"
        )
        message = f"the agent '{self._agent}' does not listen to the caller"
        subscribed = self._publication.wait_for_subscription()
        if not await self._comes(subscribed, self._plan.timeout):
            raise CallFailed(self._why(message, remedy), step="listening")
        self._timeline.mark("listening", now())

    async def speak(self) -> None:
        """Say the clip in real time."""
        speech = self._plan.speech
        self._watch.asked_at = now()
        self._timeline.mark("speech began", self._watch.asked_at)
        if not await self._comes(speak(self._source, speech), speech.duration + self._plan.timeout):
            remedy = "is this machine overloaded, or the connection lost?"
            raise CallFailed(self._why("the speech could not be sent", remedy), step="speech")
        self._watch.asked_until = now()
        self._timeline.mark("speech ended", self._watch.asked_until)

    async def wait_for_answer(self) -> bool:
        """Wait for a reply and its end; says whether the end was heard."""
        ended = False
        if await self._comes(self._ear.replied.wait(), self._plan.timeout):
            ended = await self._comes(self._ear.over.wait(), self._plan.max_answer)
        if self._watch.began_at is None or self._watch.heard_at is None:
            raise CallFailed(self._why_no_answer(), step="answer")
        self._timeline.mark("answer began", self._watch.began_at)
        self._timeline.mark("answer ended", self._watch.heard_at)
        return ended or bool(self._lost_because)

    def report(self, *, answer_ended: bool) -> CallReport:
        """What has come of the call."""
        return CallReport(
            room=self._plan.room,
            agent_identity=self._agent,
            moments=self._timeline.moments(),
            latencies=self._timeline.latencies(),
            recording=self._ear.recording(),
            answer_ended=answer_ended,
        )

    async def leave(self) -> None:
        """Leave the room, at whatever step."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self._room.disconnect()
                await self._source.aclose()
        except TimeoutError:
            # The server drops the participant by itself when the process ends.
            return

    # -- what the room tells -------------------------------------------------------

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT or self._agent:
            return
        self._agent = participant.identity
        self._timeline.mark("joined", now())
        self._joined.set()

    def _on_participant_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._agent:
            self._lose("the agent left the room")

    def _on_track(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if track.kind != rtc.TrackKind.KIND_AUDIO or self._has_track:
            return
        # The room tells of a track after its participant, but be it the other way round.
        self._on_participant(participant)
        if participant.identity != self._agent:
            return
        self._has_track = True
        self._timeline.mark("track subscribed", now())
        self._tasks.start(self._ear.run(track), name="ear")

    def _on_disconnected(self, reason: object) -> None:
        self._lose("the connection to the room was lost")

    def _lose(self, because: str) -> None:
        self._lost_because = self._lost_because or because
        self._lost.set()

    # -- helpers -----------------------------------------------------------------

    async def _comes(self, something: Coroutine[Any, Any, object], seconds: float) -> bool:
        """Wait for something; says whether it came before its deadline and before the agent left.

        Raises what it raised.
        """
        step = self._tasks.start(something, name="step")
        lost = self._tasks.start(self._lost.wait(), name="lost")
        try:
            await asyncio.wait((step, lost), timeout=seconds, return_when="FIRST_COMPLETED")
            if not step.done():
                return False
            step.result()
            return True
        finally:
            await cancel_and_wait(step, lost)

    def _token(self) -> str:
        plan = self._plan
        grants = api.VideoGrants(room_join=True, room=plan.room)
        token = api.AccessToken(plan.api_key, plan.api_secret)
        identity = f"caller-{secrets.token_hex(3)}"
        return token.with_identity(identity).with_grants(grants).to_jwt()

    async def _create_dispatch(self) -> None:
        plan = self._plan
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

    def _why(self, what: str, remedy: str) -> str:
        """An error's text: what did not come, why as far as it is known, and where to look."""
        if self._lost_because:
            return f"{what}: {self._lost_because}; look at the agent's log"
        return f"{what} within {self._plan.timeout:g} s: {remedy}"

    def _why_not_joined(self, error: str) -> str:
        plan = self._plan
        if "401" in error or "unauthorized" in error.lower():
            # The server's own text has the token in it, which is not for logs.
            error = "the server refused the token"
            remedy = f"the API key '{plan.api_key}' or its secret is not the server's"
        else:
            remedy = "is a LiveKit server running there? (LIVEKIT_URL or --url names it)"
        return f"could not join room '{plan.room}' at '{plan.url}': {error[:200]}; {remedy}"

    def _why_no_answer(self) -> str:
        if not self._has_track:
            remedy = "it has published no audio track; look at the agent's log"
        else:
            remedy = "its audio track is silent; look at the agent's log for what it heard"
        return self._why(f"the agent '{self._agent}' gave no answer", remedy)
