"""What a caller's WebRTC does with the agent's audio before it is heard: keeps it, makes it up."""

from __future__ import annotations

from livekit import rtc
from msgspec import Struct

RATE = 48000
"""Of the samples that WebRTC counts."""


class Playout(Struct, frozen=True, kw_only=True):
    """Of one track, since its start."""

    concealed: float
    """Seconds that were made up since their audio had not come in time; without silence."""
    kept: float
    """Seconds that samples were kept in the jitter buffer, added up."""
    samples: int
    """How many samples have come out of it."""

    def concealed_since(self, before: Playout) -> float:
        """Seconds that were made up between two looks."""
        return self.concealed - before.concealed

    def delay_since(self, before: Playout) -> float:
        """Seconds that a sample was kept between two looks, in the mean; 0 if none came out."""
        samples = self.samples - before.samples
        return (self.kept - before.kept) / samples if samples else 0.0


async def playout(track: rtc.Track) -> Playout:
    """Look at a track that is listened to."""
    for stats in await track.get_stats():
        if stats.HasField("inbound_rtp"):
            found = stats.inbound_rtp.inbound
            return Playout(
                concealed=(found.concealed_samples - found.silent_concealed_samples) / RATE,
                kept=found.jitter_buffer_delay,
                samples=found.jitter_buffer_emitted_count,
            )
    return Playout(concealed=0.0, kept=0.0, samples=0)
