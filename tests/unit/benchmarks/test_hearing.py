"""When a caller heard something, and when nothing."""

from __future__ import annotations

import pytest

from benchmarks.hearing import Heard, longest_gap, longest_wait, onset, silence


def frames(pattern: str, *, start: float = 0.0) -> list[Heard]:
    """A frame each 10 ms: `#` is loud, `.` quiet."""
    return [Heard(start + 0.01 * number, sign == "#") for number, sign in enumerate(pattern)]


def test_the_onset_is_the_first_loud_frame_after_an_instant() -> None:
    """What was heard before it is of an earlier answer."""
    assert onset(frames("##..##"), since=0.02) == pytest.approx(0.04)


def test_there_is_no_onset_where_nothing_is_heard() -> None:
    """Silence goes on."""
    assert onset(frames("##...."), since=0.02) is None


def test_silence_begins_with_the_first_quiet_frame_of_those_that_last() -> None:
    """A gap that is shorter is no silence."""
    assert silence(frames("##..##...#"), since=0.0, lasting=0.03) == pytest.approx(0.06)


def test_there_is_no_silence_before_it_has_lasted() -> None:
    """It may yet be a gap."""
    assert silence(frames("##.."), since=0.0, lasting=0.03) is None


def test_what_was_quiet_before_the_instant_does_not_count() -> None:
    """Silence from the instant on is what is asked for."""
    assert silence(frames("....#"), since=0.02, lasting=0.03) is None


@pytest.mark.parametrize(
    ("pattern", "gap"),
    [("...##..", 0.0), ("##.#...##", 0.03), ("", 0.0), ("....", 0.0), ("#...", 0.0)],
)
def test_the_longest_gap_lies_between_two_loud_frames(pattern: str, gap: float) -> None:
    """Quiet before the voice and after it is none."""
    assert longest_gap(frames(pattern)) == pytest.approx(gap)


def test_a_gap_is_counted_in_audio_and_not_by_when_it_came() -> None:
    """A caller that is late by itself has missed nothing."""
    heard = frames("##") + frames("##", start=1.0)

    assert longest_gap(heard) == 0.0
    assert longest_wait(heard) == pytest.approx(0.99)


def test_the_longest_wait_is_0_for_a_single_frame() -> None:
    """There is nothing to wait for."""
    assert longest_wait(frames("#")) == 0.0
