"""What a session takes from a room and gives to it; the defaults are livekit-agents' (row 155)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc
from msgspec import Struct, field

from .av_output import Draw
from .participants import DEFAULT_KINDS, ParticipantKind

DisconnectReason = rtc.DisconnectReason

CLOSING_REASONS: tuple[rtc.DisconnectReason.ValueType, ...] = (
    DisconnectReason.CLIENT_INITIATED,
    DisconnectReason.ROOM_DELETED,
    DisconnectReason.USER_REJECTED,
)
"""After these the participant does not come back; after others (a lost network) it may."""


class TextInputEvent(Struct, frozen=True, kw_only=True):
    """Somebody has written to the agent."""

    text: str
    participant: Any
    """The `rtc.RemoteParticipant`; None if it has left meanwhile."""
    info: Any
    """The `rtc.TextStreamInfo`."""


TextInputCallback = Callable[[Any, TextInputEvent], Any]
"""Called with the session and the event; may be async."""


class AudioInputOptions(Struct, frozen=True, kw_only=True):
    """How the participant is heard."""

    sample_rate: int = 24000
    """Hz."""
    num_channels: int = 1
    frame_size_ms: int = 50
    """With 20 a barge-in and the end of a turn are known some 15 ms sooner, for 1.4 % of a core."""
    auto_gain_control: bool = True
    """Make quiet callers louder; only with frames of whole 10 ms."""
    pre_connect_audio: bool = True
    """Take what was said while the connection was made."""
    pre_connect_audio_timeout: float = 3.0
    """Seconds to wait for it."""

    def __post_init__(self) -> None:
        if self.num_channels != 1:
            raise ValueError(f"num_channels must be 1, but is {self.num_channels}")


class AudioOutputOptions(Struct, frozen=True, kw_only=True):
    """How the agent speaks."""

    sample_rate: int = 24000
    num_channels: int = 1
    track_name: str = "roomio_audio"
    track_publish_options: rtc.TrackPublishOptions = field(
        default_factory=lambda: rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )


class VideoInputOptions(Struct, frozen=True, kw_only=True):
    """How the participant is seen."""


class VideoOutputOptions(Struct, frozen=True, kw_only=True):
    """How the agent is seen: with a picture for each stretch of what it says. Ours."""

    draw: Draw
    """Called `fps` times a second with the audio that is about to be heard, and once a second with
    None while the agent is silent. May be async. It has a few milliseconds, on the session's loop.
    """
    width: int = 640
    height: int = 480
    fps: float = 25.0
    track_name: str = "roomio_video"
    track_publish_options: rtc.TrackPublishOptions = field(
        default_factory=lambda: rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
    )

    def __post_init__(self) -> None:
        if self.fps <= 0:
            raise ValueError(f"fps must be over 0, but is {self.fps}")


class TextInputOptions(Struct, frozen=True, kw_only=True):
    """How the participant writes."""

    text_input_cb: TextInputCallback | None = None
    """Instead of interrupting the agent and having it reply."""


class TextOutputOptions(Struct, frozen=True, kw_only=True):
    """How the agent's and the user's words are written down for others."""

    sync_transcription: bool | None = None
    """Whether the agent's words come as they are spoken; None: where there is audio."""
    transcription_speed_factor: float = 1.0
    json_format: bool = False
    """Accepted and not used: a line of JSON instead of plain text."""


class RoomOptions(Struct, frozen=True, kw_only=True):
    """All of it. True stands for the defaults, False switches it off."""

    audio_input: AudioInputOptions | bool = True
    audio_output: AudioOutputOptions | bool = True
    video_input: VideoInputOptions | bool = False
    video_output: VideoOutputOptions | None = None
    text_input: TextInputOptions | bool = True
    text_output: TextOutputOptions | bool = True
    participant_kinds: tuple[ParticipantKind, ...] = DEFAULT_KINDS
    participant_identity: str | None = None
    """Who is listened to; None: the first who comes."""
    close_on_disconnect: bool = True
    """Whether the session ends when the participant has left for good."""
    delete_room_on_close: bool = False
