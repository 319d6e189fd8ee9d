"""The server's clock from cut-off dates."""

from __future__ import annotations

import pytest

from agentd.dispatch.serverclock import ServerClock


def test_it_is_ours_until_the_server_has_answered() -> None:
    """Nothing better is known."""
    assert ServerClock().at(1000.0) == 1000.0


def test_one_answer_tells_it_to_half_a_second() -> None:
    """The middle of the second that the header stands for."""
    clock = ServerClock()
    clock.learn(2000.0, sent=1000.0, received=1000.0)

    assert clock.at(1000.0) == 2000.5


def test_more_answers_narrow_it() -> None:
    """A server 100.3 s ahead, asked at many moments, is known to a tenth."""
    clock = ServerClock()
    for tenth in range(20):
        sent = 1000.0 + tenth * 1.07
        clock.learn(float(int(sent + 100.3)), sent=sent, received=sent + 0.01)

    assert clock.at(5000.0) == pytest.approx(5100.3, abs=0.1)


def test_a_clock_that_was_set_is_learned_anew() -> None:
    """What disagrees with all before it wins."""
    clock = ServerClock()
    clock.learn(2000.0, sent=1000.0, received=1000.0)
    clock.learn(1010.0, sent=1010.0, received=1010.0)

    assert clock.at(1010.0) == 1010.5
