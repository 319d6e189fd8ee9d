"""Tracebacks as the user wants to read them."""

from __future__ import annotations

import pytest

from agentd.app.preload import run_preload
from agentd.app.server import AgentServer
from agentd.app.usererror import one_line, user_traceback
from agentd.errors import AppError


def fail() -> None:
    raise ValueError("no\n  such   voice")


def raised_through_agentd() -> BaseException:
    """An error of the user's code that was called by ours."""
    with pytest.raises(ValueError, match="voice") as raised:
        run_preload(AgentServer(preload_fnc=fail))
    return raised.value


def test_our_frames_are_cut_and_the_users_stay() -> None:
    """The line to look at is the last one of the user's own."""
    text = user_traceback(raised_through_agentd())

    assert "preload.py" not in text
    assert 'raise ValueError("no' in text
    assert text.endswith("such   voice")


def test_verbose_shows_every_frame() -> None:
    """For those who look for a fault of ours."""
    assert "preload.py" in user_traceback(raised_through_agentd(), verbose=True)


def test_causes_are_trimmed_too() -> None:
    """The error behind the error is the user's as well."""
    error = RuntimeError("outer")
    error.__cause__ = raised_through_agentd()

    text = user_traceback(error)

    assert "direct cause" in text
    assert "preload.py" not in text
    assert 'raise ValueError("no' in text


def test_members_of_a_group_are_trimmed_too() -> None:
    """A TaskGroup of the user's raises such groups."""
    text = user_traceback(BaseExceptionGroup("both", [raised_through_agentd()]))

    assert "preload.py" not in text
    assert 'raise ValueError("no' in text


def test_error_of_ours_alone_is_shown_whole() -> None:
    """With no foreign frame left there would be nothing to see."""

    async def not_allowed() -> None:
        """Never runs."""

    with pytest.raises(AppError) as raised:
        run_preload(AgentServer(preload_fnc=not_allowed))
    assert raised.value.__traceback__ is not None
    from_our_frame_on = raised.value.__traceback__.tb_next

    text = user_traceback(raised.value.with_traceback(from_our_frame_on))

    assert "preload.py" in text


def test_one_line_is_one_line() -> None:
    """Line breaks and runs of spaces become single spaces."""
    assert one_line(raised_through_agentd()) == "ValueError: no such voice"


def test_one_line_of_an_error_without_message_is_its_type() -> None:
    """No dangling colon."""
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
