"""Tests of agentd.eot, on the double that ships with it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, from_samples
from agentd.eot import EndOfTurnPrediction, EndOfTurnRequest, threshold_of
from agentd.errors import APIConnectionError, APIError, ModelError
from agentd.testing import FakeEndOfTurn, Misbehaviour
from agentd.testing.virtual_time import run_virtual

ASKED = EndOfTurnRequest(text="so I thought that")


def ramp(seconds: float, rate: int, channels: int = 1) -> AudioFrame:
    """Samples that grow with the seconds, a thousand each."""
    times = np.arange(round(seconds * rate)) / rate
    samples = np.repeat((times * 1000).astype(np.int16)[:, None], channels, axis=1)
    return from_samples(samples if channels > 1 else samples[:, 0], rate)


def test_a_prediction_has_the_threshold_of_its_language() -> None:
    """And says whether it is reached."""
    model = FakeEndOfTurn([0.4], thresholds={"en": 0.36, "de": 0.5})

    english = run_virtual(model.predict(EndOfTurnRequest(text="well", language="en-US")))
    german = run_virtual(model.predict(EndOfTurnRequest(text="also", language="German")))

    assert english == EndOfTurnPrediction(probability=0.4, threshold=0.36)
    assert (english.is_end, german.is_end) == (True, False)


@pytest.mark.parametrize(
    ("language", "threshold"),
    [("", 0.9), ("en", 0.3), ("en-GB", 0.2), ("en-AU", 0.3), ("Welsh", None)],
)
def test_the_most_particular_threshold_counts(language: str, threshold: float | None) -> None:
    """That of the region, else of the language; the default is for no language only."""
    assert threshold_of(language, {"en": 0.3, "en-GB": 0.2}, default=0.9) == threshold


def test_a_language_that_it_can_not_judge_is_refused() -> None:
    """The asker can know before."""
    model = FakeEndOfTurn(thresholds={"en": 0.5})

    assert (model.supports_language("en"), model.supports_language("de")) == (True, False)
    with pytest.raises(ModelError, match="can't judge the language 'de'"):
        run_virtual(model.predict(EndOfTurnRequest(text="also", language="de")))


def test_what_the_model_needs_must_be_there() -> None:
    """Words for one, sound for another."""
    with pytest.raises(ModelError, match="judges words, and there are none"):
        run_virtual(FakeEndOfTurn(needs="text").predict(EndOfTurnRequest()))
    for audio in (None, AudioFrame(data=b"", sample_rate=16000)):
        with pytest.raises(ModelError, match="judges sound, and there is none"):
            run_virtual(FakeEndOfTurn(needs="audio").predict(EndOfTurnRequest(audio=audio)))


def test_the_model_gets_the_last_seconds_as_it_wants_them() -> None:
    """Mono, at its rate, and not more than it looks at."""
    model = FakeEndOfTurn(needs="audio")

    run_virtual(model.predict(EndOfTurnRequest(audio=ramp(20.0, 48000, channels=2))))

    audio = model.requests[0].audio
    assert audio is not None
    assert (audio.sample_rate, audio.num_channels) == (16000, 1)
    assert audio.duration == pytest.approx(8.0, abs=0.001)
    assert audio.samples[64000] == pytest.approx(16000, abs=10)


def test_an_answer_is_measured() -> None:
    """What it was, and how long it took."""
    model = FakeEndOfTurn([0.7], delay=0.25)
    measured: list[tuple[float, float]] = []
    model.on("metrics_collected", lambda told: measured.append((told.probability, told.duration)))

    run_virtual(model.predict(ASKED))

    assert measured == [(0.7, 0.25)]


@pytest.mark.parametrize("answer", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_a_failure(answer: float) -> None:
    """Compared with a threshold, NaN would say "he goes on" for ever."""
    with pytest.raises(APIError, match="is no probability"):
        run_virtual(FakeEndOfTurn([answer]).predict(ASKED))


def test_an_error_of_the_plugin_s_own_is_one_of_the_service() -> None:
    """Whatever it is."""

    def trips(request: EndOfTurnRequest) -> float:
        raise KeyError("logits")

    with pytest.raises(APIError, match=r"KeyError\('logits'\)"):
        run_virtual(FakeEndOfTurn(trips).predict(ASKED))


def test_a_model_that_hangs_can_be_given_up() -> None:
    """How long to wait is the asker's business."""
    model = FakeEndOfTurn(faults=[Misbehaviour.HANG, Misbehaviour.RAISE])

    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.predict(ASKED), 1.0)
        with pytest.raises(APIConnectionError):
            await model.predict(ASKED)
        return (await model.predict(ASKED)).probability

    assert run_virtual(scenario()) == 1.0
