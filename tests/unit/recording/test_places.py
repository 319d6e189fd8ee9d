"""Tests of agentd.recording.places."""

from __future__ import annotations

import pytest

from agentd.audio.frame import AudioFrame, silent_frame
from agentd.recording.places import HOLD, MAX_AHEAD, Arrivals, Placed, Playhead

RATE = 16000


def frame(seconds: float = 0.1) -> AudioFrame:
    return silent_frame(seconds, RATE)


def places(placed: list[Placed]) -> list[tuple[float, float]]:
    """Start and length of each, in thousandths."""
    return [(round(at, 3), round(each.duration, 3)) for at, each in placed]


# -- what the user said --------------------------------------------------------------------


def test_frames_on_time_are_where_they_came() -> None:
    """Each ends when it came."""
    arrivals = Arrivals()
    for number in range(1, 4):
        arrivals.push(number / 10, frame())

    assert places(arrivals.rest()) == [(0.0, 0.1), (0.1, 0.1), (0.2, 0.1)]


def test_frames_of_a_loop_that_stood_are_put_back() -> None:
    """They came all at once, and were said one after the other before."""
    arrivals = Arrivals()
    arrivals.push(0.1, frame())
    for _ in range(4):
        arrivals.push(0.5, frame())

    assert places(arrivals.rest()) == [(0.0, 0.1), (0.1, 0.1), (0.2, 0.1), (0.3, 0.1), (0.4, 0.1)]


def test_a_pause_of_the_microphone_stays_a_pause() -> None:
    """What comes after it came on time."""
    arrivals = Arrivals()
    arrivals.push(0.1, frame())
    arrivals.push(2.1, frame())
    arrivals.push(2.2, frame())

    assert places(arrivals.rest()) == [(0.0, 0.1), (2.0, 0.1), (2.1, 0.1)]


def test_a_frame_waits_until_its_place_is_sure() -> None:
    """For as long as a loop may stand."""
    arrivals = Arrivals()
    arrivals.push(0.1, frame())
    arrivals.push(0.2, frame())

    early = arrivals.settled(0.1 + HOLD - 0.01)
    late = arrivals.settled(0.1 + HOLD)

    assert early == []
    assert places(late) == [(0.0, 0.1)]
    assert places(arrivals.rest()) == [(0.1, 0.1)]


# -- what was heard of the agent --------------------------------------------------------------


def test_what_was_captured_is_heard_when_it_is_played() -> None:
    """Ahead of that it is not told."""
    playhead = Playhead()
    captured = [*playhead.captured(0.0, frame(1.0)), *playhead.captured(0.0, frame(1.0))]
    playhead.started(0.2)

    assert captured == []
    assert places(playhead.advance(0.7)) == [(0.2, 0.5)]
    assert places(playhead.advance(9.0)) == [(0.7, 0.5), (1.2, 1.0)]


def test_a_pause_moves_what_comes_after_it() -> None:
    """Nothing is heard meanwhile."""
    playhead = Playhead()
    playhead.captured(0.0, frame(2.0))
    playhead.started(0.0)

    before = playhead.paused(0.5)
    meanwhile = [*playhead.paused(0.8), *playhead.advance(3.0)]
    playhead.resumed(4.5)
    playhead.resumed(4.6)

    assert places(before) == [(0.0, 0.5)]
    assert meanwhile == []
    assert places(playhead.advance(5.5)) == [(4.5, 1.0)]


def test_what_was_cut_off_was_not_heard() -> None:
    """The output says how far it was."""
    playhead = Playhead()
    playhead.captured(0.0, frame(2.0))
    playhead.started(0.0)

    heard, cut_at = playhead.finished(1.0, 0.9)

    assert places(heard) == [(0.0, 0.9)]
    assert cut_at is None
    assert playhead.advance(9.0) == []


def test_more_than_was_heard_is_taken_back() -> None:
    """Where the output was slower than the clock."""
    playhead = Playhead()
    playhead.captured(0.0, frame(2.0))
    playhead.started(0.0)
    playhead.advance(1.0)

    assert playhead.finished(1.0, 0.7) == ([], 0.7)


def test_a_whole_segment_is_heard_to_its_end() -> None:
    """Also the bit that the clock does not say yet; the next one is counted anew."""
    playhead = Playhead()
    playhead.captured(0.0, frame(1.0))
    playhead.flushed()
    playhead.started(0.0)
    playhead.captured(0.5, frame(1.0))

    heard, _ = playhead.finished(0.95, 1.0)
    playhead.started(3.0)

    assert sum(each.duration for _, each in heard) == pytest.approx(0.5)
    assert places(playhead.advance(3.5)) == [(3.0, 0.5)]


def test_a_voice_that_is_late_leaves_a_gap() -> None:
    """What comes when the output has run dry is heard when it comes."""
    playhead = Playhead()
    playhead.captured(0.0, frame(0.5))
    playhead.started(0.0)

    first = playhead.captured(2.0, frame(0.5))

    assert places(first) == [(0.0, 0.5)]
    assert places(playhead.advance(9.0)) == [(2.0, 0.5)]


def test_what_was_never_begun_is_not_heard() -> None:
    """A segment that is cleared before its first sound."""
    playhead = Playhead()
    playhead.captured(0.0, frame(1.0))

    assert playhead.finished(0.5, 0.0) == ([], None)
    assert playhead.finished(0.6, 0.0) == ([], None)


def test_an_output_that_never_plays_costs_bounded_memory() -> None:
    """It is given more and more, and plays nothing."""
    playhead = Playhead()
    for _ in range(200):
        playhead.captured(0.0, frame(1.0))

    heard, _ = playhead.finished(300.0, 200.0)

    assert sum(each.duration for _, each in heard) == pytest.approx(MAX_AHEAD)
