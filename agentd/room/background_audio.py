"""Sounds beside the agent's voice, on a track of their own: ambience, typing, hold music."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

from livekit import rtc
from msgspec import Struct

from agentd.aio.emitter import EventEmitter
from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.audio.sounds import AudioConfig, Sound, can_loop, choose
from agentd.errors import SessionError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.io.session_side import AGENT_STATE_CHANGED, AgentStateChanged, SessionSide

from .asking import while_joined
from .fake import FakeRoom
from .sound_deck import DECK_RATE, PlayHandle, SoundDeck

logger = logging.getLogger("agentd.room")

TRACK_NAME = "background_audio"
QUEUE_MS = 200
"""Length of LiveKit's queue: what a busy loop may be late by, and a stopped sound is heard on."""

PUBLISH_TIMEOUT = 10.0
"""Seconds for the track to be published; then the call goes on without it."""

UNPUBLISH_TIMEOUT = 2.0
"""Seconds for the server to take the track out of the room."""

SOUND_FAILED = "sound_failed"
"""With a `SoundFailedEvent`."""


class SoundFailedEvent(Struct, frozen=True, kw_only=True, eq=False):
    """A sound can't be played; the call and the other sounds go on."""

    sound: AudioConfig | None
    """None where it is all of them: the track was lost."""
    error: BaseException


class BackgroundAudioPlayer(EventEmitter):
    """Plays sounds into a room. What fails of it is a line in the log and a `sound_failed` event,
    and never an exception.

    Args:
        ambient_sound: Played from the start on, again and again where it is a file or a clip.
        thinking_sound: The same while the agent thinks.
    """

    def __init__(
        self,
        *,
        ambient_sound: NotGivenOr[Sound] = NOT_GIVEN,
        thinking_sound: NotGivenOr[Sound] = NOT_GIVEN,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`draw` gives numbers from 0 to 1, by which one of several sounds is chosen."""
        super().__init__()
        self._ambient = ambient_sound or None
        self._thinking = thinking_sound or None
        self._draw = draw
        self._room: rtc.Room | None = None
        self._session: SessionSide | None = None
        self._track: _BackgroundTrack | None = None
        self._deck: SoundDeck | None = None
        self._thinking_handle: PlayHandle | None = None
        self._tasks = TaskOwner("background audio")
        self._started = False

    async def start(
        self,
        *,
        room: rtc.Room,
        agent_session: NotGivenOr[Any] = NOT_GIVEN,
        track_publish_options: NotGivenOr[rtc.TrackPublishOptions | None] = NOT_GIVEN,
    ) -> None:
        """Publish the track and begin with the ambient sound. A second call does nothing.

        The thinking sound needs the session. A room that takes no track makes it silent; so does
        the console, which has none.
        """
        if self._started:
            return
        self._started, self._room = True, room
        if isinstance(room, FakeRoom):
            logger.warning(
                "there is no background audio without a LiveKit room",
                extra={"action": "background_audio_unavailable"},
            )
            return
        track = self._track = _BackgroundTrack(room)
        options = track_publish_options or rtc.TrackPublishOptions()
        try:
            await while_joined(room, track.publish(options), timeout=PUBLISH_TIMEOUT)
        except (rtc.participant.PublishTrackError, TimeoutError) as error:
            await track.aclose()
            self._track = None
            self._lost(error)
            return
        self._begin(track, room, agent_session or None)

    def play(self, audio: Sound, *, loop: bool = False) -> PlayHandle:
        """Play a sound, once or again and again; raises SessionError before `start`, ValueError
        for a loop of frames that are made only once.

        Where one of a list is to be chosen and none is, or nothing can be heard, the handle is
        done.
        """
        if not self._started:
            raise SessionError("the background audio does not run: await player.start() first")
        sound = choose(audio, self._draw())
        if loop and sound is not None and not can_loop(sound.source):
            raise ValueError("audio that is being made can't be looped: let it have no end")
        if sound is None or self._deck is None:
            handle = PlayHandle()
            handle.finish()
            return handle
        return self._deck.play(sound, loop=loop)

    async def aclose(self) -> None:
        """Stop all sounds and take the track out of the room. May be repeated."""
        if self._session is not None:
            self._session.off(AGENT_STATE_CHANGED, self._on_agent_state)
        if self._room is not None:
            self._room.off("connection_state_changed", self._on_connection)
        self._session = self._room = None
        deck, self._deck = self._deck, None
        if deck is not None:
            await deck.aclose()
        await self._tasks.aclose()
        track, self._track = self._track, None
        if track is not None:
            await track.aclose()

    # -- inside ----------------------------------------------------------------------------

    def _begin(self, track: _BackgroundTrack, room: rtc.Room, session: SessionSide | None) -> None:
        deck = self._deck = SoundDeck(track, failed=self._failed)
        self._tasks.start(self._run(deck), name="deck")
        room.on("connection_state_changed", self._on_connection)
        self._session = session
        if session is not None:
            session.on(AGENT_STATE_CHANGED, self._on_agent_state)
        self._play_on(self._ambient)

    async def _run(self, deck: SoundDeck) -> None:
        try:
            await deck.run()
        except Exception as error:  # noqa: BLE001 - the SDK raises a plain one for a lost track
            self._deck = None
            await deck.aclose()
            self._lost(error)

    def _play_on(self, audio: Sound) -> PlayHandle:
        sound = choose(audio, self._draw())
        return self.play(sound, loop=sound is not None and can_loop(sound.source))

    def _on_agent_state(self, event: AgentStateChanged) -> None:
        thinking = self._thinking_handle
        if event.new_state != "thinking":
            if thinking is not None:
                thinking.stop()
            self._thinking_handle = None
        elif thinking is None or thinking.done():
            self._thinking_handle = self._play_on(self._thinking)

    def _on_connection(self, state: rtc.ConnectionState.ValueType) -> None:
        # The room is gone for good, and with it the track: nobody may be left who closes us. The
        # SDK (1.2.1) does not always tell this by its event `disconnected` as well.
        if state != rtc.ConnectionState.CONN_DISCONNECTED:
            return
        deck, self._deck = self._deck, None
        if deck is not None:
            self._tasks.start(deck.aclose(), name="close")

    def _failed(self, sound: AudioConfig, error: BaseException) -> None:
        logger.warning(
            "a background sound can't be played: the call goes on without it",
            extra={
                "action": "sound_failed",
                "sound": str(sound.source),
                "error": f"{type(error).__name__}: {error}",
            },
        )
        self.emit(SOUND_FAILED, SoundFailedEvent(sound=sound, error=error))

    def _lost(self, error: BaseException) -> None:
        logger.warning(
            "the background audio is lost: the call goes on without it",
            extra={
                "action": "background_audio_lost",
                "error": f"{type(error).__name__}: {error}",
            },
        )
        self.emit(SOUND_FAILED, SoundFailedEvent(sound=None, error=error))


class _BackgroundTrack:
    """The track in the room: a SoundSink."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._source = rtc.AudioSource(DECK_RATE, 1, queue_size_ms=QUEUE_MS)
        self._publication: rtc.LocalTrackPublication | None = None

    @property
    def queued_duration(self) -> float:
        return self._source.queued_duration

    async def publish(self, options: rtc.TrackPublishOptions) -> None:
        """Put it into the room; raises the SDK's PublishTrackError."""
        if not self._room.isconnected():
            raise rtc.participant.PublishTrackError("the room is not connected")
        track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        local = self._room.local_participant
        self._publication = await local.publish_track(track, options)

    async def capture(self, frame: AudioFrame) -> None:
        """See SoundSink."""
        count = frame.samples_per_channel
        await self._source.capture_frame(rtc.AudioFrame(frame.data, frame.sample_rate, 1, count))

    async def aclose(self) -> None:
        """Take it out. May be repeated."""
        publication, self._publication = self._publication, None
        if publication is not None and self._room.isconnected():
            unpublished = self._room.local_participant.unpublish_track(publication.sid)
            try:
                await while_joined(self._room, unpublished, timeout=UNPUBLISH_TIMEOUT)
            except (rtc.participant.UnpublishTrackError, TimeoutError):
                pass  # the room is being left, and the track with it
        await self._source.aclose()
