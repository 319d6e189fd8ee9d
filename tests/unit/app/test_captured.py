"""A script's app on its way to the template."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.app.captured import AppCaptured, capturing, hand_over, is_capturing
from agentd.app.options import WorkerOptions
from agentd.app.server import AgentServer


async def entrypoint(ctx: Any) -> None:
    """Does nothing."""


def test_hand_over_does_nothing_elsewhere() -> None:
    """A script that a user starts goes on to run the daemon."""
    hand_over(AgentServer())

    assert not is_capturing()


def test_hand_over_ends_a_script_that_is_run_for_its_app() -> None:
    """The exception carries the app."""
    app = AgentServer()

    with capturing(), pytest.raises(AppCaptured) as raised:
        hand_over(app)

    assert raised.value.app is app


def test_worker_options_are_handed_over_as_a_server() -> None:
    """The template sees one form of app only."""
    with capturing(), pytest.raises(AppCaptured) as raised:
        hand_over(WorkerOptions(entrypoint_fnc=entrypoint))

    assert raised.value.app.entrypoint_fnc is entrypoint


def test_a_scripts_own_except_exception_does_not_stop_it() -> None:
    """Scripts wrap run_app in all sorts of handlers."""
    assert not issubclass(AppCaptured, Exception)


def test_capturing_ends_with_its_block() -> None:
    """Also when the block is left by the capture itself."""
    with pytest.raises(AppCaptured), capturing():
        hand_over(AgentServer())

    assert not is_capturing()
