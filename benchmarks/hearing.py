"""What a caller heard when: the start of a voice, its end, its gaps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct


class Heard(Struct, frozen=True, gc=False):
    """One frame of what came."""

    at: float
    """When it was handed to the caller, in seconds of the monotonic clock."""
    loud: bool
    seconds: float = 0.01


def onset(frames: Sequence[Heard], since: float) -> float | None:
    """When the first loud frame came; None if none did."""
    return next((frame.at for frame in frames if frame.at >= since and frame.loud), None)


def silence(frames: Sequence[Heard], since: float, lasting: float) -> float | None:
    """When the first quiet frame came of a silence that lasts; None while there is none."""
    began_at: float | None = None
    quiet = 0.0
    for frame in frames:
        if frame.at < since:
            continue
        if frame.loud:
            began_at, quiet = None, 0.0
            continue
        began_at = frame.at if began_at is None else began_at
        quiet += frame.seconds
        if quiet > lasting - frame.seconds / 2:
            return began_at
    return None


def stretches(frames: Sequence[Heard]) -> Iterator[float]:
    """The lengths of quiet between loud frames, in the audio's own time: what was heard as gaps.

    What comes before the first loud frame and after the last is none.
    """
    quiet: float | None = None
    for frame in frames:
        if not frame.loud:
            quiet = None if quiet is None else quiet + frame.seconds
            continue
        if quiet:
            yield quiet
        quiet = 0.0


def longest_gap(frames: Sequence[Heard]) -> float:
    """The longest of the stretches; 0 where there is none."""
    return max(stretches(frames), default=0.0)


def longest_wait(frames: Sequence[Heard]) -> float:
    """The longest time from one loud frame's coming to the next one's: gaps, and lateness."""
    loud = [frame.at for frame in frames if frame.loud]
    return max((after - before for before, after in pairwise(loud)), default=0.0)
