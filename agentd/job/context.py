"""JobContext: the user's view of the job, given to the entrypoint."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from livekit import api as livekit_api
from livekit import rtc
from livekit.api.access_token import Claims
from livekit.protocol.agent import Job

from agentd.aio.timing import now
from agentd.figures import observe
from agentd.figures.families import ROOM_JOIN
from agentd.protocol.job import ResumeReason
from agentd.room.connect import AutoSubscribe
from agentd.room.leaving import on_deletion, on_leaving
from agentd.room.participants import (
    DEFAULT_KINDS,
    ParticipantKinds,
    ParticipantWatch,
    wait_for_participant,
)
from agentd.tracing import Attributes, span

from .ending import SessionCloser, ShutdownCallback
from .parts import JobParts
from .process import JobProcess
from .state import JobState

logger = logging.getLogger("agentd.job")

ROOM_DISCONNECTED = "room disconnected"

ParticipantEntrypoint = Callable[["JobContext", rtc.RemoteParticipant], Coroutine[Any, Any, object]]


class JobContext:
    """One job, from the call of its entrypoint to its end.

    The job ends when `shutdown` is called, when the room is disconnected, when the
    entrypoint raises, or when the daemon asks; an entrypoint that returns does not end it.
    """

    def __init__(self, parts: JobParts) -> None:
        self._parts = parts
        self._connecting = asyncio.Lock()
        self._connected = False
        self._log_fields: dict[str, Any] = {}
        self._watch = ParticipantWatch(parts.room, parts.participant_tasks)
        # By the first that is told: what then fails for want of the room is no crash of the job.
        on_leaving(parts.room, lambda: parts.shutdown.request(ROOM_DISCONNECTED))
        on_deletion(parts.room, lambda: parts.shutdown.request(ROOM_DISCONNECTED))
        parts.room.on("disconnected", self._on_disconnected)

    # -- what the job is ---------------------------------------------------------

    @property
    def proc(self) -> JobProcess:
        """The process, with what prewarm left in its `userdata`."""
        return self._parts.process

    @property
    def job(self) -> Job:
        """The job as LiveKit describes it, with its metadata."""
        return self._parts.job

    @property
    def worker_id(self) -> str:
        """LiveKit's id of this daemon."""
        return self._parts.assignment.worker_id

    def is_fake_job(self) -> bool:
        """Whether the job runs without a LiveKit room."""
        return self._parts.assignment.fake

    def token_claims(self) -> Claims:
        """What the token grants that the agent joins with; its signature is not checked."""
        token = self._parts.assignment.token
        if not token:
            answer = self._parts.assignment.answer
            return Claims(identity=answer.identity, name=answer.name, metadata=answer.metadata)
        return livekit_api.TokenVerifier().verify(token, verify_signature=False)

    @property
    def local_participant_identity(self) -> str:
        """The identity that the agent joins under; known before it has joined."""
        return self.token_claims().identity or self.agent.identity

    @property
    def session_directory(self) -> Path:
        """A directory for files of this job; it is removed when the job has ended."""
        return self._parts.directory.path

    @property
    def log_context_fields(self) -> dict[str, Any]:
        """Fields that go with every log record of this job; edit the dict or replace it."""
        return self._log_fields

    @log_context_fields.setter
    def log_context_fields(self, fields: dict[str, Any]) -> None:
        self._log_fields = fields

    # -- what it has kept ----------------------------------------------------------

    @property
    def resumed(self) -> bool:
        """Whether another process had begun this job: go on, don't begin."""
        return self._parts.resumes > 0

    @property
    def resumes(self) -> int:
        """How often the job has gone on in another process."""
        return self._parts.resumes

    @property
    def resume_reason(self) -> ResumeReason | None:
        """Why it goes on in another process, such as "swap" for new code; None if it does not."""
        return self._parts.resume_reason if self.resumed else None

    @property
    def state(self) -> JobState:
        """A small mapping that is there again when the job goes on in another process."""
        return self._parts.state

    # -- the room ----------------------------------------------------------------

    @property
    def room(self) -> rtc.Room:
        """The room; handlers can be added before `connect`, the rest works after it."""
        return self._parts.room

    @property
    def agent(self) -> rtc.LocalParticipant:
        """The agent's own participant, once connected."""
        return self._parts.room.local_participant

    async def connect(
        self,
        *,
        encryption: rtc.E2EEOptions | None = None,
        auto_subscribe: AutoSubscribe = AutoSubscribe.SUBSCRIBE_ALL,
        rtc_config: rtc.RtcConfiguration | None = None,
        single_peer_connection: bool | None = None,
        e2ee: rtc.E2EEOptions | None = None,
    ) -> None:
        """Join the room. Once: a later call does nothing, a concurrent one waits.

        Raises `rtc.ConnectError`, after CONNECT_TIMEOUT at the latest; the call may then be
        repeated. `e2ee` is the old name of `encryption`.
        """
        if e2ee is not None:
            warnings.warn("use encryption= instead of e2ee=", DeprecationWarning, stacklevel=2)
        async with self._connecting:
            if self._connected:
                return
            began_at = now()
            about: Attributes = {
                "lk.room.auto_subscribe": str(auto_subscribe),
                "lk.room.e2ee": bool(encryption or e2ee),
            }
            with span("room_connect", about).apart():
                await self._parts.joiner.join(
                    self._parts.assignment.url,
                    self._parts.assignment.token,
                    auto_subscribe=auto_subscribe,
                    encryption=encryption or e2ee,
                    rtc_config=rtc_config,
                    single_peer_connection=single_peer_connection,
                )
            self._connected = True
            observe(ROOM_JOIN, now() - began_at)
            self._watch.start()
            if not self._parts.session:  # a session that goes on says so itself, once it listens
                self._parts.listener.back()

    async def wait_for_participant(
        self,
        *,
        identity: str | None = None,
        kind: ParticipantKinds = DEFAULT_KINDS,
        timeout: float | None = None,
    ) -> rtc.RemoteParticipant:
        """A participant of that identity (anybody, if None) and kind, once one is there.

        Connects if that has not been done. Raises JobError if the room is left before, and
        ParticipantTimeout after `timeout` seconds; without one the room's end is the limit.
        """
        if not self.room.isconnected():
            await self.connect()
        with span("wait_for_participant") as waiting:
            found = await wait_for_participant(
                self.room, identity=identity, kind=kind, timeout=timeout
            )
            waiting.set({"lk.participant_id": found.sid, "lk.participant_kind": str(found.kind)})
            return found

    def add_participant_entrypoint(
        self,
        entrypoint_fnc: ParticipantEntrypoint,
        *,
        kind: ParticipantKinds = DEFAULT_KINDS,
    ) -> None:
        """Run `entrypoint_fnc(ctx, participant)` in a task for each matching participant.

        Also for those who are in the room already. Raises ValueError for the same function
        a second time. An error in it is logged and ends nothing else; what still runs when
        the room is left is cancelled.
        """
        self._watch.add(entrypoint_fnc, lambda participant: entrypoint_fnc(self, participant), kind)

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        logger.info(
            "the room was disconnected",
            extra={
                "action": "room_disconnected",
                "job_id": self.job.id,
                "reason": rtc.DisconnectReason.Name(reason),
            },
        )

    # -- the end -----------------------------------------------------------------

    def shutdown(self, reason: str = "user requested") -> None:
        """End the job; returns at once. May be repeated: the first reason stays."""
        self._parts.shutdown.request(reason, user_initiated=True)

    def add_shutdown_callback(self, callback: ShutdownCallback) -> None:
        """Await `callback()`, or `callback(reason)` if it takes an argument, at the job's end.

        Callbacks run side by side after the room was left. Each has a time budget of its
        own (`callback_timeout`), and one that fails or hangs costs no other its run.
        """
        self._parts.at_end.callbacks.append(callback)

    def attach_session(self, closer: SessionCloser) -> None:
        """Have a session closed at the job's end, before the room is left."""
        self._parts.at_end.closers.append(closer)

    # -- LiveKit's server API ----------------------------------------------------

    @property
    def api(self) -> livekit_api.LiveKitAPI:
        """Client of the server's API; it is closed at the job's end.

        Raises JobError where the daemon has no address, key and secret.
        """
        return self._parts.calls.client

    @property
    def http_session(self) -> aiohttp.ClientSession:
        """An HTTP client for any service, shared by all that this job uses; closed at its end."""
        return self._parts.http.session

    def delete_room(
        self, room_name: str | None = None
    ) -> asyncio.Task[livekit_api.DeleteRoomResponse]:
        """Delete the room, by default the job's own, and with it disconnect everybody.

        Goes on whether or not the result is awaited. A room that is gone already is no
        error, other failures are logged. Does nothing in a fake job.
        """
        return self._parts.calls.delete_room(room_name)

    def add_sip_participant(
        self,
        *,
        call_to: str,
        trunk_id: str,
        participant_identity: str,
        participant_name: str = "SIP-participant",
    ) -> asyncio.Task[livekit_api.SIPParticipantInfo]:
        """Call a number, or a SIP address, through an outbound trunk into the job's room.

        Goes on whether or not the result is awaited. Does nothing in a fake job.
        """
        return self._parts.calls.add_sip_participant(
            call_to=call_to,
            trunk_id=trunk_id,
            identity=participant_identity,
            name=participant_name,
        )

    def transfer_sip_participant(
        self,
        participant: rtc.RemoteParticipant | str,
        transfer_to: str,
        play_dialtone: bool = False,
    ) -> asyncio.Task[livekit_api.TransferSIPParticipantResponse]:
        """Transfer a SIP participant, given as such or by identity, to another number.

        Goes on whether or not the result is awaited. Raises JobError for a participant of
        another kind. Does nothing in a fake job.
        """
        return self._parts.calls.transfer_sip_participant(
            participant, transfer_to, play_dialtone=play_dialtone
        )
