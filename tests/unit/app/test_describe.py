"""What the supervisor learns of an app."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.app.describe import describe
from agentd.app.options import (
    JobExecutorType,
    ServerEnvOption,
    ServerType,
    WorkerPermissions,
)
from agentd.app.server import AgentServer
from agentd.errors import AppError, NoEntrypoint
from agentd.protocol.app import Permissions
from agentd.protocol.models import ModelRef
from agentd.settings.layers import app_layer, resolve

EAR = ModelRef(name="ear", target="ears:Runner")


async def entrypoint(ctx: Any) -> None:
    """Does nothing."""


def make_app(**options: Any) -> AgentServer:
    app = AgentServer(**options)
    app.rtc_session(entrypoint, agent_name="parrot")
    return app


def test_app_without_entrypoint_is_refused() -> None:
    """The error says how to register one."""
    with pytest.raises(NoEntrypoint, match="rtc_session"):
        describe(AgentServer())


def test_settings_hold_only_what_was_given() -> None:
    """An app that wishes nothing leaves every default alone."""
    assert describe(make_app()).settings == {}


def test_settings_carry_the_daemons_names() -> None:
    """`ws_url` is the daemon's setting `url`; the others keep their names."""
    info = describe(make_app(ws_url="ws://livekit:7880", port=9000, max_jobs=3))

    assert info.settings == {"url": "ws://livekit:7880", "port": 9000, "max_jobs": 3}


def test_every_setting_is_one_the_daemon_knows() -> None:
    """What an app can give is accepted by the settings as it is."""
    info = describe(
        make_app(
            ws_url="ws://livekit:7880",
            api_key="key",
            api_secret="secret",
            http_proxy="http://proxy:3128",
            max_retry=1,
            max_jobs=3,
            num_idle_processes=1,
            initialize_process_timeout=1.0,
            shutdown_process_timeout=2.0,
            session_end_timeout=3.0,
            drain_timeout=4,
            host="127.0.0.1",
            port=9000,
            log_level="warn",
        )
    )

    resolved = resolve([app_layer(info.settings, agent_name=info.agent_name)])

    assert resolved.settings.livekit.url == "ws://livekit:7880"
    assert resolved.settings.livekit.agent_name == "parrot"
    assert resolved.settings.log.log_level == "WARNING"
    assert resolved.settings.jobs.drain_timeout == 4.0


def test_models_are_named_once() -> None:
    """However often an app names one."""
    app = make_app(models=[EAR, ModelRef(name="mouth", target="mouths:Runner"), EAR])

    assert [ref.name for ref in describe(app).models] == ["ear", "mouth"]


def test_empty_host_means_all_interfaces() -> None:
    """That is what an empty host says to users of livekit-agents."""
    assert describe(make_app(host="")).settings == {"host": "0.0.0.0"}


def test_none_as_proxy_means_no_proxy() -> None:
    """None for the proxy overrules the environment; None for the url says nothing."""
    assert describe(make_app(http_proxy=None, ws_url=None)).settings == {"http_proxy": ""}


def test_pairs_are_split_by_mode() -> None:
    """An option with a value for each mode gives each mode its own."""
    info = describe(make_app(num_idle_processes=ServerEnvOption(dev_default=0, prod_default=6)))

    assert info.settings == {"num_idle_processes": 6}
    assert info.dev_settings == {"num_idle_processes": 0}


def test_server_type_permissions_and_name_cross_over() -> None:
    """They are what the worker registers with."""
    app = AgentServer(permissions=WorkerPermissions(hidden=True, can_publish_sources=[2]))
    app.rtc_session(entrypoint, agent_name="parrot", type=ServerType.PUBLISHER)

    info = describe(app)

    assert info.agent_name == "parrot"
    assert info.server_type == "publisher"
    assert info.permissions == Permissions(hidden=True, can_publish_sources=[2])
    assert not info.answers_offers


def test_on_request_is_told_of() -> None:
    """The supervisor asks a child only where the app has something to say."""
    app = AgentServer()
    app.rtc_session(entrypoint, on_request=entrypoint)

    assert describe(app).answers_offers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("load_fnc", lambda: 0.5),
        ("load_threshold", 0.9),
        ("multiprocessing_context", "spawn"),
        ("prometheus_port", 9090),
        ("prometheus_multiproc_dir", "/tmp/metrics"),
        ("job_executor_type", JobExecutorType.THREAD),
    ],
)
def test_option_without_effect_gets_a_note(name: str, value: object) -> None:
    """Nothing that the user asks for is ignored in silence."""
    info = describe(make_app(**{name: value}))

    assert [note.partition(" ")[0].partition("=")[0] for note in info.notes] == [name]
    assert info.settings == {}


def test_process_executor_needs_no_note() -> None:
    """Asking for what happens anyway is fine."""
    assert describe(make_app(job_executor_type=JobExecutorType.PROCESS)).notes == []


def test_described_app_takes_no_more_options() -> None:
    """They would come too late."""
    app = make_app()
    describe(app)

    with pytest.raises(AppError):
        app.update_options(max_retry=1)
