"""Log-mel features as Whisper's encoder wants them, by numpy: pure.

The spectrum of 25 ms every 10 ms, summed into 80 bands that are as wide as the ear's, on a
logarithmic scale of which the quietest that is kept lies 80 dB below the loudest (A. Radford et
al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 2.2). The mel
scale is Slaney's ("Auditory Toolbox", 1998), with bands of equal area.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

RATE = 16000
SPAN = 400
"""Samples of one spectrum."""
STEP = 160
"""Samples from one spectrum to the next."""
BANDS = 80
TOP_HZ = 8000.0
QUIETEST = 1e-10
RANGE = 8.0
"""Powers of ten between the loudest and the quietest that is kept."""

LINEAR_UNTIL = 1000.0
"""Hz, up to which the scale of Slaney's mel is linear."""
HZ_PER_MEL = 200 / 3
MELS_PER_OCTAVE = 27 / np.log(6.4) * np.log(2)


def log_mel(samples: Floats) -> Floats:
    """Features of audio from -1 to 1, a row for each band, a column for each 10 ms."""
    spans = np.lib.stride_tricks.sliding_window_view(np.pad(samples, SPAN // 2, "reflect"), SPAN)
    # One more span fits at the end than there are steps; Whisper leaves it out.
    spectra = np.fft.rfft(spans[::STEP][: len(samples) // STEP] * _window())
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    logarithm = np.log10(np.maximum(_bands() @ power.T, QUIETEST))
    kept = np.maximum(logarithm, logarithm.max() - RANGE)
    features: Floats = ((kept + 4.0) / 4.0).astype(np.float32)
    return features


def normalised(samples: Floats) -> Floats:
    """The same audio around zero and with a variance of one."""
    scaled: Floats = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    return scaled


@lru_cache(maxsize=1)
def _window() -> Floats:
    """Hann's, for a span that repeats itself."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SPAN) / SPAN)).astype(np.float32)


@lru_cache(maxsize=1)
def _bands() -> Floats:
    """How much each frequency counts for each band: triangles that reach to their neighbours."""
    frequencies = np.fft.rfftfreq(SPAN, 1 / RATE)
    edges = _hertz(np.linspace(0.0, _mel(TOP_HZ), BANDS + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (middle - low)
    falling = (high - frequencies) / (high - middle)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    weights: Floats = (triangles * 2 / (high - low)).astype(np.float32)
    return weights


def _mel(hertz: float) -> float:
    """A pitch above the linear part on Slaney's scale."""
    return float(LINEAR_UNTIL / HZ_PER_MEL + MELS_PER_OCTAVE * np.log2(hertz / LINEAR_UNTIL))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    bend = LINEAR_UNTIL / HZ_PER_MEL
    above = LINEAR_UNTIL * np.exp2((mel - bend) / MELS_PER_OCTAVE)
    return np.where(mel < bend, mel * HZ_PER_MEL, above)
