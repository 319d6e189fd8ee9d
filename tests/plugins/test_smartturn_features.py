"""Tests of the log-mel features that agentd-smartturn's model hears. They need no model."""

from __future__ import annotations

import numpy as np
import pytest

from agentd_smartturn.features import log_mel, normalised

RATE = 16000


def test_a_tone_is_heard_in_its_band() -> None:
    """In the band whose middle is nearest, and for the tone's time only."""
    times = np.arange(2 * RATE) / RATE
    tone = np.where(times < 1.0, np.sin(2 * np.pi * 1000.0 * times), 0.0).astype(np.float32)

    features = log_mel(tone)

    assert features.shape == (80, 200)
    # 80 bands up to 8 kHz on Slaney's scale lie 0.558 mel apart, and 1 kHz is 15 mel.
    assert int(features[:, 50].argmax()) == round(15 / 0.558) - 1
    assert features[:, 50].max() > features[:, 150].max() + 1.9


def test_features_span_eighty_decibels() -> None:
    """What is quieter is as quiet as silence: the scale is logarithm over four, plus one."""
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)

    loud, quiet = log_mel(noise), log_mel(noise * np.float32(0.1))
    silent = log_mel(np.concatenate([noise, np.zeros(RATE, dtype=np.float32)]))

    assert (loud - quiet) == pytest.approx(np.full_like(loud, 0.5), abs=1e-3)
    assert silent.max() - silent.min() == pytest.approx(2.0, abs=1e-6)


def test_audio_is_normalised() -> None:
    """So that the microphone's gain does not matter; silence stays silence."""
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.01 + 0.2

    assert normalised(noise).mean() == pytest.approx(0.0, abs=1e-4)
    assert normalised(noise).std() == pytest.approx(1.0, abs=1e-2)
    assert not normalised(np.zeros(RATE, dtype=np.float32)).any()


MAKERS = {
    (0, 0): 1.613,
    (5, 0): 1.268,
    (10, 20): 0.461,
    (30, 150): 0.114,
    (40, 250): -0.322,
    (60, 400): 1.563,
    (79, 799): 0.664,
    (70, 700): -0.322,
    (20, 799): -0.258,
}
"""By band and step, as the code of the model's makers computes them (pipecat-ai 1.14.0)."""


def test_features_are_those_that_the_model_was_made_for() -> None:
    """Of a sweep over all bands, in 8 s."""
    times = np.arange(8 * RATE) / RATE
    sweep = 0.3 * np.sin(2 * np.pi * (100.0 + 450.0 * times) * times)

    features = log_mel(normalised(sweep.astype(np.float32)))

    found = [float(features[place]) for place in MAKERS]
    assert found == pytest.approx(list(MAKERS.values()), abs=2e-3)
