"""A session's ears, eyes, mouth and pen in a LiveKit room."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.app.usererror import error_fields
from agentd.audio.frame import AudioFrame
from agentd.errors import AudioError, SessionError, VideoError
from agentd.io import AudioOutput
from agentd.io.session_side import (
    AGENT_STATE_CHANGED,
    USER_INPUT_TRANSCRIBED,
    AgentStateChanged,
    SessionSide,
    UserInputTranscribed,
)

from .agent_state import AgentStateAttribute
from .asking import while_joined
from .audio_input import RoomAudioInput
from .audio_output import RoomAudioOutput
from .av_output import AVOutput
from .deprecated import RoomInputOptions, RoomOutputOptions, room_options
from .leaving import on_leaving
from .linking import ParticipantLink
from .options import (
    CLOSING_REASONS,
    AudioInputOptions,
    AudioOutputOptions,
    RoomOptions,
    TextInputEvent,
    TextInputOptions,
    TextOutputOptions,
)
from .preconnect import PreConnectAudio
from .text_input import TextInput
from .transcripts import AgentTranscript, UserTranscript
from .video_input import RoomVideoInput
from .video_output import RoomVideoOutput

logger = logging.getLogger("agentd.room")

START_TIMEOUT = 10.0
"""Seconds for the agent's track to be published; then the session goes on with text."""

DTMF_TIMEOUT = 5.0
"""Seconds for the room to take a key of the telephone; then whoever pressed it is told."""


class RoomIO:
    """Connects a session with a room that is joined.

    What the user has put into the session's slots stays there; the others are filled. Whatever
    of it fails is told to the session, which goes on with the rest.
    """

    def __init__(
        self,
        session: SessionSide,
        room: rtc.Room,
        *,
        participant: rtc.RemoteParticipant | str | None = None,
        options: RoomOptions | None = None,
        input_options: RoomInputOptions | None = None,
        output_options: RoomOutputOptions | None = None,
    ) -> None:
        """`options` go before the other two, which are the former way to say the same."""
        self._session = session
        self._room = room
        self._options = options or room_options(input_options, output_options)
        self._tasks = TaskOwner("room io")
        self._link = ParticipantLink(
            room,
            identity=_identity(participant) or self._options.participant_identity,
            kinds=self._options.participant_kinds,
            on_linked=self._on_linked,
            on_left=self._on_left,
        )
        self._state = AgentStateAttribute(room)
        self._user_transcript = UserTranscript(room)
        self._audio_input: RoomAudioInput | None = None
        self._video_input: RoomVideoInput | None = None
        self._audio_output: RoomAudioOutput | None = None
        self._video_output: RoomVideoOutput | None = None
        self._av_output: AVOutput | None = None
        self._agent_transcript: AgentTranscript | None = None
        self._text_input: TextInput | None = None
        self._pre_connect: PreConnectAudio | None = None
        self._closed = False
        self._stop_listening: Callable[[], None] = lambda: None

    @property
    def room(self) -> rtc.Room:
        return self._room

    @property
    def deletes_room(self) -> bool:
        """Whether the room is to go with the session."""
        return self._options.delete_room_on_close

    @property
    def linked_participant(self) -> rtc.RemoteParticipant | None:
        """Who the agent talks with; None while nobody is there."""
        return self._link.linked

    @property
    def subscribed_fut(self) -> rtc.LocalTrackPublication | None:
        """The agent's audio track, once it is published."""
        return self._audio_output.publication if self._audio_output is not None else None

    def set_participant(self, participant: rtc.RemoteParticipant | str | None) -> None:
        """Talk with this participant from now on; None: with the first who comes."""
        before = self._link.linked
        self._link.set_participant(_identity(participant))
        if before is not None and self._link.linked is None:
            self._follow(None)

    def unset_participant(self) -> None:
        """Talk with nobody until somebody is set."""
        self._link.unset_participant()
        self._follow(None)

    async def start(self) -> None:
        """Fill the session's slots, publish, and link a participant. Once."""
        self._open_inputs()
        await self._open_outputs()
        self._session.on(AGENT_STATE_CHANGED, self._on_agent_state)
        self._session.on(USER_INPUT_TRANSCRIBED, self._on_transcribed)
        self._room.on("sip_dtmf_received", self._on_dtmf)
        self._room.on("participant_connected", self._on_company)
        self._stop_listening = on_leaving(self._room, self._on_room_lost)
        self._state.publish(self._session.agent_state)
        self._link.start()

    async def publish_dtmf(self, *, code: int, digit: str) -> None:
        """Press a key of the telephone; raises SessionError where the room does not take it."""
        try:
            pressed = self._room.local_participant.publish_dtmf(code=code, digit=digit)
            await while_joined(self._room, pressed, timeout=DTMF_TIMEOUT)
        except (rtc.participant.PublishDTMFError, TimeoutError) as error:
            raise SessionError(f"the room did not take the key '{digit}': {error}") from error

    async def aclose(self) -> None:
        """Let go of the room, which stays joined. May be repeated."""
        if self._closed:
            return
        self._closed = True
        self._link.stop()
        self._session.off(AGENT_STATE_CHANGED, self._on_agent_state)
        self._session.off(USER_INPUT_TRANSCRIBED, self._on_transcribed)
        self._room.off("sip_dtmf_received", self._on_dtmf)
        self._room.off("participant_connected", self._on_company)
        self._stop_listening()
        parts = (
            self._text_input,
            self._pre_connect,
            self._audio_input,
            self._video_input,
            self._av_output,
            self._video_output,
            self._audio_output,
            self._agent_transcript,
            self._user_transcript,
            self._state,
        )
        for part in parts:
            if part is not None:
                await part.aclose()
        await self._tasks.aclose()

    # -- the slots -------------------------------------------------------------------------

    def _open_inputs(self) -> None:
        slots = self._session.input
        audio = _options(self._options.audio_input, AudioInputOptions)
        if audio is not None and slots.audio is None:
            self._audio_input = RoomAudioInput(
                self._room,
                sample_rate=audio.sample_rate,
                frame_ms=audio.frame_size_ms,
                auto_gain=audio.auto_gain_control,
            )
            if audio.pre_connect_audio:
                self._pre_connect = PreConnectAudio(
                    self._room,
                    sample_rate=audio.sample_rate,
                    timeout=audio.pre_connect_audio_timeout,
                    take=self._on_pre_connect,
                )
                self._pre_connect.start()
            slots.audio = self._audio_input
        if self._options.video_input is not False and slots.video is None:
            self._video_input = RoomVideoInput(self._room)
            slots.video = self._video_input
        if self._options.text_input is not False:
            self._text_input = TextInput(self._room, accepts=self._accepts, take=self._on_text)
            self._text_input.start()

    async def _open_outputs(self) -> None:
        slots = self._session.output
        text = _options(self._options.text_output, TextOutputOptions)
        if text is not None and slots.transcription is None:
            self._agent_transcript = AgentTranscript(self._room)
            self._agent_transcript.in_step = text.sync_transcription is not False
            self._agent_transcript.speed_factor = text.transcription_speed_factor
            slots.transcription = self._agent_transcript
        audio = _options(self._options.audio_output, AudioOutputOptions)
        if audio is None or slots.audio is not None:
            return
        output = RoomAudioOutput(
            self._room,
            sample_rate=audio.sample_rate,
            num_channels=audio.num_channels,
            track_name=audio.track_name,
            publish_options=audio.track_publish_options,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await output.start()
        except (AudioError, TimeoutError) as error:
            await output.aclose()
            self._session.audio_lost(str(error) or f"not published within {START_TIMEOUT:g} s")
            return
        self._audio_output = output
        slots.audio = await self._with_video(output)
        if self._agent_transcript is not None and output.publication is not None:
            self._agent_transcript.track_sid = output.publication.sid

    async def _with_video(self, audio: RoomAudioOutput) -> AudioOutput:
        """The voice, with a face where there is to be one and the room takes it."""
        options, slots = self._options.video_output, self._session.output
        if options is None or slots.video is not None:
            return audio
        video = self._video_output = RoomVideoOutput(
            self._room,
            audio.source,
            width=options.width,
            height=options.height,
            fps=options.fps,
            track_name=options.track_name,
            publish_options=options.track_publish_options,
        )
        try:
            await video.start(START_TIMEOUT)
        except VideoError as error:
            self._session.video_lost(str(error))
            return audio
        slots.video = video
        both = self._av_output = AVOutput(
            audio, video, options.draw, fps=options.fps, lost=self._on_video_lost
        )
        both.start()
        return both

    def _on_video_lost(self, reason: str) -> None:
        self._session.output.video = None
        self._session.video_lost(reason)

    # -- the participant -------------------------------------------------------------------

    def _on_linked(self, participant: rtc.RemoteParticipant) -> None:
        logger.info(
            "the agent talks with a participant",
            extra={"action": "participant_linked", "participant": participant.identity},
        )
        self._follow(participant)
        self._session.audience_present(True)
        for other in self._room.remote_participants.values():
            self._on_company(other)

    def _on_company(self, other: rtc.RemoteParticipant) -> None:
        linked = self._link.linked
        if linked is None or not self._link.is_another_agent(other):
            return
        logger.warning(
            "another agent is in the room: both hear the participant, and both may answer",
            extra={
                "action": "participant_shared",
                "participant": linked.identity,
                "agent": other.identity,
            },
        )

    def _on_room_lost(self) -> None:
        self._stop_listening()  # it is told twice
        self._link.stop()
        self._follow(None)
        self._session.audience_present(False)
        self._session.room_lost()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        self._follow(None)
        self._session.audience_present(False)
        reason = participant.disconnect_reason or rtc.DisconnectReason.UNKNOWN_REASON
        name = rtc.DisconnectReason.Name(reason)
        closes = self._options.close_on_disconnect and reason in CLOSING_REASONS
        logger.info(
            "the participant has left",
            extra={
                "action": "participant_unlinked",
                "participant": participant.identity,
                "reason": name,
                "next": "the session ends" if closes else "the agent waits for it, or for another",
            },
        )
        if closes:
            self._session.participant_left(participant.identity, name)
        elif not self._room.remote_participants:
            # Nobody hears the rest of it: it is not to be remembered as heard.
            self._session.interrupt(force=True)

    def _follow(self, participant: rtc.RemoteParticipant | None) -> None:
        identity = participant.identity if participant is not None else None
        for source in (self._audio_input, self._video_input):
            if source is not None:
                source.follow(identity)
        self._user_transcript.identity = identity or ""
        self._user_transcript.track_sid = _microphone(participant)

    def _on_pre_connect(self, identity: str, frame: AudioFrame) -> None:
        linked = self._link.linked
        if self._audio_input is not None and linked is not None and linked.identity == identity:
            self._audio_input.put_first([frame])

    # -- text, states, digits ---------------------------------------------------------------

    def _accepts(self, identity: str) -> bool:
        linked = self._link.linked
        return linked is not None and linked.identity == identity

    def _on_text(self, event: TextInputEvent) -> None:
        options = _options(self._options.text_input, TextInputOptions)
        callback = options.text_input_cb if options is not None else None
        if callback is None:
            self._session.take_text(event.text)
        else:
            self._tasks.start(self._call(callback, event), name="text callback")

    async def _call(self, callback: Any, event: TextInputEvent) -> None:
        try:
            result = callback(self._session, event)
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - the user's code
            logger.error(
                "the handler of chat messages failed",
                extra={"action": "text_callback_failed", **error_fields(error)},
            )

    def _on_agent_state(self, event: AgentStateChanged) -> None:
        self._state.publish(event.new_state)

    def _on_transcribed(self, event: UserInputTranscribed) -> None:
        if self._options.text_output is not False:
            self._user_transcript.update(event.transcript, final=event.is_final)

    def _on_dtmf(self, key: rtc.SipDTMF) -> None:
        identity = key.participant.identity if key.participant is not None else ""
        if self._accepts(identity):
            self._session.key_pressed(key.digit, key.code, identity)


def _identity(participant: rtc.RemoteParticipant | str | None) -> str | None:
    if participant is None or isinstance(participant, str):
        return participant
    return participant.identity


def _microphone(participant: rtc.RemoteParticipant | None) -> str:
    """The sid of the participant's microphone track; empty where there is none."""
    publications = participant.track_publications.values() if participant is not None else ()
    wanted = rtc.TrackSource.SOURCE_MICROPHONE
    return next((each.sid for each in publications if each.source == wanted), "")


def _options(value: Any, kind: type[Any]) -> Any:
    """The options that are meant: True stands for the defaults, False for none."""
    if isinstance(value, bool):
        return kind() if value else None
    return value
