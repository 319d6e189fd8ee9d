"""AgentServer and WorkerOptions: what a user's file declares."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from livekit.protocol.agent import JobType

from agentd.app.options import (
    ServerEnvOption,
    ServerType,
    WorkerOptions,
    WorkerPermissions,
)
from agentd.app.server import AgentServer
from agentd.errors import AppError
from agentd.given import NOT_GIVEN
from agentd.protocol.models import ModelRef


async def entrypoint(ctx: Any) -> None:
    """Does nothing."""


async def on_request(request: Any) -> None:
    """Answers nothing."""


def prewarm(process: Any) -> None:
    """Prepares nothing."""


def test_rtc_session_works_without_parentheses() -> None:
    """The bare decorator registers the function and gives it back."""
    server = AgentServer()

    returned = server.rtc_session(entrypoint)

    assert returned is entrypoint
    assert server.entrypoint_fnc is entrypoint


def test_rtc_session_works_with_parentheses() -> None:
    """The decorator's options end up on the server."""
    server = AgentServer()

    server.rtc_session(
        agent_name="parrot",
        type=ServerType.PUBLISHER,
        on_request=on_request,
        on_session_end=entrypoint,
    )(entrypoint)

    assert server.entrypoint_fnc is entrypoint
    assert server.agent_name == "parrot"
    assert server.server_type is ServerType.PUBLISHER
    assert server.request_fnc is on_request
    assert server.session_end_fnc is entrypoint


def test_second_entrypoint_is_refused_and_both_are_named() -> None:
    """A server has one entrypoint."""
    server = AgentServer()
    server.rtc_session(entrypoint)

    with pytest.raises(AppError, match="'entrypoint'.*'on_request'"):
        server.rtc_session(on_request)


def test_plain_function_as_entrypoint_is_refused() -> None:
    """An entrypoint that is not a coroutine function is told so when it is registered."""
    server = AgentServer()

    with pytest.raises(AppError, match="async def"):
        server.rtc_session(prewarm)  # type: ignore[type-var]


def test_object_with_an_async_call_can_be_an_entrypoint() -> None:
    """Any callable whose call is a coroutine function will do."""

    class Entrypoint:
        async def __call__(self, ctx: Any) -> None:
            """Does nothing."""

    server = AgentServer()
    callable_object = Entrypoint()

    server.rtc_session(callable_object)

    assert server.entrypoint_fnc is callable_object


def test_only_options_that_were_given_are_kept() -> None:
    """The daemon's own defaults stay in force for everything else."""
    server = AgentServer(max_retry=3, port=0, http_proxy=None)

    assert server.options == {"max_retry": 3, "port": 0, "http_proxy": None}


def test_setup_fnc_can_be_assigned() -> None:
    """`server.setup_fnc = prewarm` is how most examples set it."""
    server = AgentServer()

    server.setup_fnc = prewarm

    assert server.setup_fnc is prewarm


def test_update_options_changes_what_was_given() -> None:
    """Before the daemon has read the app, options can be changed."""
    server = AgentServer(max_retry=3)

    server.update_options(max_retry=5, ws_url="ws://livekit:7880")

    assert server.options == {"max_retry": 5, "ws_url": "ws://livekit:7880"}


def test_update_options_after_the_app_was_read_raises() -> None:
    """A change that could have no effect any more is refused."""
    server = AgentServer()
    server.seal()

    with pytest.raises(AppError, match="top level"):
        server.update_options(max_retry=5)


def test_server_options_become_the_same_server() -> None:
    """Nothing of the older form is lost."""
    permissions = WorkerPermissions(hidden=True)
    options = WorkerOptions(
        entrypoint_fnc=entrypoint,
        request_fnc=on_request,
        prewarm_fnc=prewarm,
        agent_name="parrot",
        worker_type=ServerType.PUBLISHER,
        permissions=permissions,
        num_idle_processes=2,
        preload_modules=["json"],
    )

    server = AgentServer.from_server_options(options)

    assert server.entrypoint_fnc is entrypoint
    assert server.request_fnc is on_request
    assert server.setup_fnc is prewarm
    assert server.agent_name == "parrot"
    assert server.server_type is ServerType.PUBLISHER
    assert server.permissions is permissions
    assert server.preload_modules == ["json"]
    assert server.options == {"num_idle_processes": 2}


def test_worker_options_take_the_entrypoint_by_position() -> None:
    """`WorkerOptions(entrypoint)` is what the short examples write."""
    options = WorkerOptions(entrypoint)

    assert options.entrypoint_fnc is entrypoint


def test_worker_options_survive_pickling() -> None:
    """A copy that came through pickle is equal, and what was not given still is not."""
    options = WorkerOptions(entrypoint_fnc=entrypoint, port=9000)

    copy = pickle.loads(pickle.dumps(options))

    assert copy == options
    assert copy.http_proxy is NOT_GIVEN


def test_secrets_are_not_in_the_repr() -> None:
    """Options end up in logs."""
    options = WorkerOptions(entrypoint_fnc=entrypoint, api_secret="do-not-tell")

    assert "do-not-tell" not in repr(options)


@pytest.mark.parametrize(("devmode", "expected"), [(True, 0), (False, 8081)])
def test_env_option_has_a_value_for_each_mode(devmode: bool, expected: int) -> None:
    """`dev` and `start` read their own side of a pair."""
    option = ServerEnvOption(dev_default=0, prod_default=8081)

    assert ServerEnvOption.getvalue(option, devmode) == expected


def test_server_types_have_livekits_numbers() -> None:
    """The numbers are copied here, since this room must not load the protocol."""
    assert ServerType.ROOM.value == JobType.JT_ROOM
    assert ServerType.PUBLISHER.value == JobType.JT_PUBLISHER


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("piper", "must be refs, such as moonshine.STT.ref\\(\\), but one is 'piper'"),
        (ModelRef(name="ear", target="ears"), "'ear' can't be used: target must be"),
        (ModelRef(name="ear", target="ears:Ear", threads=0), "'ear' can't be used: threads"),
    ],
)
def test_what_names_no_model_is_refused(model: Any, reason: str) -> None:
    """While the app is imported, with its line."""
    with pytest.raises(AppError, match=reason):
        AgentServer(models=[model])
