"""What is done once in the template."""

from __future__ import annotations

import sys

import pytest

from agentd.app.preload import run_preload
from agentd.app.server import AgentServer
from agentd.errors import AppError


def test_modules_are_imported_before_the_function_runs() -> None:
    """The function may use what the modules define."""
    seen: list[bool] = []
    app = AgentServer(
        preload_modules=["colorsys"], preload_fnc=lambda: seen.append("colorsys" in sys.modules)
    )

    run_preload(app)

    assert seen == [True]


def test_app_without_preload_is_fine() -> None:
    """Most apps have none."""
    run_preload(AgentServer())


def test_coroutine_function_is_refused() -> None:
    """It would never run, and so says so."""

    async def preload() -> None:
        """Never runs."""

    with pytest.raises(AppError, match="preload_fnc"):
        run_preload(AgentServer(preload_fnc=preload))
