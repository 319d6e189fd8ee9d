"""What a reload can't change."""

from __future__ import annotations

import pytest

from agentd.daemon.parts import registered_changes
from agentd.protocol.app import AppInfo, Permissions

APP = AppInfo(agent_name="amy")


@pytest.mark.parametrize(
    ("new", "name", "changed"),
    [
        (APP, "amy", []),
        (AppInfo(agent_name="bob"), "amy", []),
        (AppInfo(agent_name="bob"), "bob", ["agent_name"]),
        (AppInfo(permissions=Permissions(hidden=True)), "amy", ["permissions"]),
        (
            AppInfo(answers_offers=True, server_type="publisher"),
            "amy",
            ["server_type", "answers_offers"],
        ),
    ],
    ids=["nothing", "name set elsewhere", "name", "permissions", "several"],
)
def test_what_was_registered_and_differs_is_named(
    new: AppInfo, name: str, changed: list[str]
) -> None:
    """The name counts as it is in effect: a flag may go over the app's own."""
    assert registered_changes(APP, new, "amy", name) == changed
