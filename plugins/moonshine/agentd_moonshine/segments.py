"""An utterance in pieces that the model can take: pure.

The time that the model takes grows faster than the audio's length: what is much longer than 15 s
takes longer to recognise than to speak.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agentd.audio.pcm import Clip, rms

Floats = npt.NDArray[np.float32]

LONGEST = 15.0
"""Seconds of audio that the model is given at once, at most."""
WINDOW = 0.1
"""Seconds: how long a pause has to be to cut in it."""
SOFTEST = 0.001
"""Loudness, of full scale, from which a window may hold a voice: -60 dBFS."""
SHORTEST = 0.1
"""Seconds of such windows that an utterance has at least."""


def is_silent(clip: Clip) -> bool:
    """Whether nobody can have spoken. The model says `You` to silence, so it is not asked."""
    windows = clip.chunks(0.02)
    return sum(0.02 for window in windows if rms(window) >= SOFTEST) < SHORTEST


def cut(clip: Clip, longest: float = LONGEST) -> list[Clip]:
    """Pieces of at most so many seconds, cut where it is quietest, in the last half of each."""
    pieces: list[Clip] = []
    start = 0.0
    while clip.duration - start > longest:
        end = start + _quietest(clip.cut(start + longest / 2, start + longest)) + longest / 2
        pieces.append(clip.cut(start, end))
        start = end
    return [*pieces, clip.cut(start, clip.duration)]


def _quietest(clip: Clip) -> float:
    """The middle of the quietest window, in seconds."""
    loudness = [rms(window) for window in clip.chunks(WINDOW)]
    whole = int(clip.duration / WINDOW)  # the last one may have been filled up with silence
    return (int(np.argmin(loudness[:whole])) + 0.5) * WINDOW
