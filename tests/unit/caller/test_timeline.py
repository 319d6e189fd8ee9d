"""Tests of agentd.caller.timeline."""

from __future__ import annotations

from agentd.caller.timeline import Moment, Timeline


def test_moments_are_in_order_and_count_from_the_dispatch() -> None:
    """Each line has the milliseconds since the dispatch, and since the line before."""
    timeline = Timeline()
    timeline.mark("dispatched", 100.0)
    timeline.mark("speech began", 100.5)
    timeline.mark("joined", 100.25)

    assert [
        Moment(step="dispatched", at_ms=0.0, delta_ms=0.0),
        Moment(step="joined", at_ms=250.0, delta_ms=250.0),
        Moment(step="speech began", at_ms=500.0, delta_ms=250.0),
    ] == timeline.moments()


def test_a_step_counts_once() -> None:
    """The first time is the one that is kept."""
    timeline = Timeline()
    timeline.mark("dispatched", 1.0)
    timeline.mark("joined", 2.0)
    timeline.mark("joined", 3.0)

    assert timeline.latencies().dispatch_to_joined == 1000.0


def test_a_latency_with_a_missing_end_is_unknown() -> None:
    """Where nothing was heard there is no latency of it."""
    timeline = Timeline()
    timeline.mark("dispatched", 1.0)

    assert timeline.latencies().speech_end_to_answer is None


def test_an_answer_in_a_pause_is_early() -> None:
    """An answer that begins while the caller still speaks has a negative latency."""
    timeline = Timeline()
    timeline.mark("answer began", 3.0)
    timeline.mark("speech ended", 5.0)

    assert timeline.latencies().speech_end_to_answer == -2000.0


def test_an_empty_timeline_has_no_moments() -> None:
    """Nothing happened, nothing is told."""
    assert Timeline().moments() == []
