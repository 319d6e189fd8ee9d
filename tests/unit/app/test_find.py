"""Finding the app in a module."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from agentd.app.find import find_app
from agentd.app.options import WorkerOptions
from agentd.app.server import AgentServer
from agentd.errors import AppNotFound, NoEntrypoint


async def entrypoint(ctx: Any) -> None:
    """Does nothing."""


def module_with(**names: object) -> ModuleType:
    module = ModuleType("my_agent")
    vars(module).update(names)
    return module


def test_named_app_is_taken() -> None:
    """A name wins over the usual ones."""
    wanted = AgentServer()

    assert find_app(module_with(server=AgentServer(), other=wanted), "other") is wanted


@pytest.mark.parametrize("name", ["app", "server", "agent"])
def test_usual_names_win_over_the_first(name: str) -> None:
    """Without a name, an app under a usual name is the likeliest."""
    wanted = AgentServer()

    assert find_app(module_with(first=AgentServer(), **{name: wanted}), "") is wanted


def test_usual_name_of_something_else_is_passed_over() -> None:
    """An `agent` that is no server does not hide the server."""
    wanted = AgentServer()

    assert find_app(module_with(agent="a prompt", mine=wanted), "") is wanted


def test_first_app_is_taken_when_no_name_is_usual() -> None:
    """The order is that of the module's text."""
    wanted = AgentServer()

    assert find_app(module_with(one=wanted, two=AgentServer()), "") is wanted


def test_worker_options_are_an_app_too() -> None:
    """The older form is found and converted."""
    found = find_app(module_with(opts=WorkerOptions(entrypoint_fnc=entrypoint)), "")

    assert found.entrypoint_fnc is entrypoint


def test_module_without_app_says_what_to_write() -> None:
    """The error carries the remedy and the module."""
    with pytest.raises(NoEntrypoint, match=r"'my_agent'.*AgentServer\(\)"):
        find_app(module_with(x=1), "")


def test_missing_name_lists_what_is_there() -> None:
    """A typo is answered with the names to choose from."""
    with pytest.raises(AppNotFound, match="'servr'.*server"):
        find_app(module_with(server=AgentServer()), "servr")


def test_name_of_something_else_says_what_it_is() -> None:
    """Naming the entrypoint in place of the server is a likely mistake."""
    with pytest.raises(NoEntrypoint, match="'entrypoint'.*function.*server"):
        find_app(module_with(server=AgentServer(), entrypoint=entrypoint), "entrypoint")
