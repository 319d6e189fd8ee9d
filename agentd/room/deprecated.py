"""Two sets of options in place of one: livekit-agents' former way of saying what a room is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit import rtc
from msgspec import Struct, field

from .options import (
    AudioInputOptions,
    AudioOutputOptions,
    RoomOptions,
    TextInputCallback,
    TextInputOptions,
    TextOutputOptions,
)
from .participants import DEFAULT_KINDS, ParticipantKind


class RoomInputOptions(Struct, frozen=True, kw_only=True):
    """What is taken from the room. See `RoomOptions`."""

    text_enabled: bool = True
    audio_enabled: bool = True
    video_enabled: bool = False
    audio_sample_rate: int = 24000
    audio_num_channels: int = 1
    audio_frame_size_ms: int = 50
    text_input_cb: TextInputCallback | None = None
    participant_kinds: Sequence[ParticipantKind] = DEFAULT_KINDS
    participant_identity: str | None = None
    pre_connect_audio: bool = True
    pre_connect_audio_timeout: float = 3.0
    close_on_disconnect: bool = True
    delete_room_on_close: bool = False
    noise_cancellation: Any = None
    """Accepted without effect: LiveKit's filters run in its cloud only."""


class RoomOutputOptions(Struct, frozen=True, kw_only=True):
    """What is given to the room. See `RoomOptions`."""

    transcription_enabled: bool = True
    audio_enabled: bool = True
    audio_sample_rate: int = 24000
    audio_num_channels: int = 1
    audio_track_name: str = "roomio_audio"
    audio_publish_options: rtc.TrackPublishOptions = field(
        default_factory=lambda: rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    sync_transcription: bool | None = None
    transcription_speed_factor: float = 1.0


def room_options(input: RoomInputOptions | None, output: RoomOutputOptions | None) -> RoomOptions:
    """Both sets as one; None stands for the defaults."""
    taken, given = input or RoomInputOptions(), output or RoomOutputOptions()
    hearing = AudioInputOptions(
        sample_rate=taken.audio_sample_rate,
        num_channels=taken.audio_num_channels,
        frame_size_ms=taken.audio_frame_size_ms,
        pre_connect_audio=taken.pre_connect_audio,
        pre_connect_audio_timeout=taken.pre_connect_audio_timeout,
    )
    speaking = AudioOutputOptions(
        sample_rate=given.audio_sample_rate,
        num_channels=given.audio_num_channels,
        track_name=given.audio_track_name,
        track_publish_options=given.audio_publish_options,
    )
    writing = TextOutputOptions(
        sync_transcription=given.sync_transcription,
        transcription_speed_factor=given.transcription_speed_factor,
    )
    return RoomOptions(
        audio_input=hearing if taken.audio_enabled else False,
        audio_output=speaking if given.audio_enabled else False,
        video_input=taken.video_enabled,
        text_input=(
            TextInputOptions(text_input_cb=taken.text_input_cb) if taken.text_enabled else False
        ),
        text_output=writing if given.transcription_enabled else False,
        participant_kinds=tuple(taken.participant_kinds),
        participant_identity=taken.participant_identity,
        close_on_disconnect=taken.close_on_disconnect,
        delete_room_on_close=taken.delete_room_on_close,
    )
