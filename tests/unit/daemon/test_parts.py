"""What a reload can't change."""

from __future__ import annotations

import pytest

from agentd.daemon.parts import changed_settings, registered_changes
from agentd.protocol.app import AppInfo, Permissions
from agentd.settings.fields import Value
from agentd.settings.layers import Layer, Rank, Resolved, app_layer, resolve

APP = AppInfo(agent_name="amy")


@pytest.mark.parametrize(
    ("new", "changed"),
    [
        (APP, []),
        (AppInfo(permissions=Permissions(hidden=True)), ["permissions"]),
        (
            AppInfo(answers_offers=True, server_type="publisher"),
            ["server_type", "answers_offers"],
        ),
    ],
    ids=["nothing", "permissions", "several"],
)
def test_what_was_registered_and_differs_is_named(new: AppInfo, changed: list[str]) -> None:
    """LiveKit was told once, at the start."""
    assert registered_changes(APP, new) == changed


def settings(agent_name: str, values: dict[str, Value], *, flag: str = "") -> Resolved:
    """As the daemon has them with an app that says so of itself."""
    flags = Layer(rank=Rank.FLAG, values={"agent_name": flag} if flag else {}, origins={})
    return resolve([flags, app_layer(values, agent_name=agent_name)])


@pytest.mark.parametrize(
    ("name", "values", "flag", "changed"),
    [
        ("amy", {}, "", []),
        ("bob", {}, "", ["agent_name"]),
        ("bob", {}, "amy", []),
        ("amy", {"num_idle_processes": 7}, "", ["num_idle_processes"]),
    ],
    ids=["nothing", "name", "name set elsewhere", "a setting of the app's"],
)
def test_settings_that_differ_are_named(
    name: str, values: dict[str, Value], flag: str, changed: list[str]
) -> None:
    """They count as they are in effect: a flag may go over the app's own."""
    assert (
        changed_settings(settings("amy", {}, flag=flag), settings(name, values, flag=flag))
        == changed
    )
