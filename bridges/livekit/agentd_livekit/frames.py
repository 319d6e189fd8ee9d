"""Audio of the one and of the other.

To livekit nothing is copied: both hold bytes. From livekit an immutable copy is made, since theirs
may be changed by whoever has made it.
"""

from __future__ import annotations

from typing import Any

from livekit import rtc

from agentd.audio.frame import AudioFrame


def to_livekit(frame: AudioFrame) -> Any:
    """The `rtc.AudioFrame` on the same bytes."""
    return rtc.AudioFrame(
        data=frame.data,
        sample_rate=frame.sample_rate,
        num_channels=frame.num_channels,
        samples_per_channel=frame.samples_per_channel,
    )
