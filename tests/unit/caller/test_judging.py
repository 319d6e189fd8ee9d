"""Tests of agentd.caller.judging and listening: what an answer is, and whether it was expected."""

from __future__ import annotations

import pytest

from agentd.caller.judging import Answer, judge
from agentd.caller.listening import PATIENCE, Notes
from agentd.caller.script import Expect

SAID = Answer(text="A pizza costs 14 dollars.", heard="how much", latency=0.8, sounded=True)
NOTHING = Answer()


@pytest.mark.parametrize(
    ("expect", "answer", "unmet"),
    [
        (None, SAID, []),
        (None, NOTHING, ["answers"]),
        (Expect(contains=["PIZZA", "14"]), SAID, []),
        (Expect(contains="salad"), SAID, ["says 'salad'"]),
        (Expect(contains="salad"), NOTHING, ["answers", "says 'salad'"]),
        (Expect(lacks="salad"), SAID, []),
        (Expect(lacks="Pizza"), SAID, ["does not say 'Pizza'"]),
        (Expect(regex=r"costs \d+"), SAID, []),
        (Expect(regex=r"costs \d{3}"), SAID, [r"says /costs \d{3}/"]),
        (Expect(heard="How much"), SAID, []),
        (Expect(heard="boat"), SAID, ["understands 'boat'"]),
        (Expect(within=1), SAID, []),
        (Expect(within=0.5), SAID, ["answers within 0.5 s"]),
        (Expect(silent=2), NOTHING, []),
        (Expect(silent=2), SAID, ["silent for 2 s"]),
        (Expect(hang_up=True), Answer(left=True), []),
        (Expect(hang_up=True), SAID, ["hangs up"]),
        (Expect(hang_up=True, contains="bye"), Answer(left=True), ["answers", "says 'bye'"]),
    ],
)
def test_what_is_not_as_expected_is_told(
    expect: Expect | None, answer: Answer, unmet: list[str]
) -> None:
    """Each expectation by itself."""
    assert [one.expected for one in judge(expect, answer) if not one.met] == unmet


def test_what_was_found_instead_is_told() -> None:
    """Also that nothing can be told where the agent writes no transcript."""
    told = {one.found for one in judge(Expect(contains="x", within=0.5), SAID) if not one.met}
    assert told == {"it said: A pizza costs 14 dollars.", "0.80 s"}
    mute = Answer(latency=0.5, sounded=True)
    assert judge(Expect(contains="x"), mute)[-1].found == "no transcript of what it says"


def test_an_answer_begins_with_its_sound_after_the_turn() -> None:
    """What is said while the caller speaks is none; words come in segments."""
    notes = Notes()
    notes.begin(10.0)
    notes.sound(10.5)
    notes.word(10.5, "a", "what")
    notes.end(11.0)
    assert (notes.answered_at, notes.over_at(1.0)) == (None, None)

    notes.word(11.4, "b", "A pizza")
    assert (notes.answered_at, notes.text) == (11.4, "A pizza")
    notes.sound(11.5)
    notes.word(11.6, "b", "A pizza costs")
    notes.word(11.9, "c", "14.")

    assert (notes.answered_at, notes.text) == (11.5, "A pizza costs 14.")
    assert notes.over_at(1.0) == 12.9


def test_what_the_agent_was_saying_before_is_no_answer() -> None:
    """The caller has interrupted it: its sound has to stop first, and its transcript to go on
    elsewhere."""
    notes = Notes()
    notes.end(1.0)
    notes.sound(1.5)
    notes.word(1.5, "a", "A pizza")
    notes.begin(1.6)
    notes.word(1.6, "a", "A pizza")
    notes.end(1.7)

    notes.sound(1.9)
    notes.word(1.9, "a", "A pizza costs")
    assert (notes.answered_at, notes.text) == (None, "")
    notes.sound(2.5)
    notes.word(2.5, "b", "Good bye")

    assert (notes.answered_at, notes.text) == (2.5, "Good bye")


def test_an_agent_that_says_it_is_busy_is_waited_for() -> None:
    """As while a tool works between two parts of an answer, but not for ever; one that has left is
    not."""
    notes = Notes()
    notes.end(1.0)
    notes.sound(2.0)
    notes.state = "thinking"
    assert notes.over_at(1.0) == 2.0 + PATIENCE
    notes.state = "listening"
    assert notes.over_at(1.0) == 3.0
    notes.left_at = 2.5
    assert notes.over_at(1.0) == 2.5
