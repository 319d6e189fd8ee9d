"""How often is too often."""

from __future__ import annotations

from agentd.supervision.intensity import Intensity, add_restart

THREE_IN_FIVE = Intensity(restarts=3, period=5.0)


def walk(*instants: float) -> list[bool]:
    """Whether to go on, after each restart."""
    history: tuple[float, ...] = ()
    verdicts = []
    for now in instants:
        history, go_on = add_restart(history, now, THREE_IN_FIVE)
        verdicts.append(go_on)
    return verdicts


def test_so_many_restarts_in_the_period_are_allowed() -> None:
    """The limit itself is within."""
    assert walk(0.0, 1.0, 2.0) == [True, True, True]


def test_one_more_is_too_many() -> None:
    """The supervisor gives up."""
    assert walk(0.0, 1.0, 2.0, 3.0) == [True, True, True, False]


def test_old_restarts_are_forgotten() -> None:
    """The window slides: only the last period counts."""
    assert walk(0.0, 1.0, 2.0, 5.5, 6.5, 7.5, 8.0) == [True] * 6 + [False]


def test_a_restart_exactly_a_period_ago_still_counts() -> None:
    """As in OTP, where the period's end belongs to it."""
    assert walk(0.0, 1.0, 2.0, 5.0) == [True, True, True, False]


def test_only_what_is_in_the_window_is_kept() -> None:
    """The history does not grow with the age of the daemon."""
    history, _ = add_restart((0.0, 1.0, 96.0), 100.0, THREE_IN_FIVE)

    assert history == (96.0, 100.0)


def test_none_allowed_means_none() -> None:
    """The first restart is one too many."""
    _, go_on = add_restart((), 0.0, Intensity(restarts=0, period=60.0))

    assert not go_on
