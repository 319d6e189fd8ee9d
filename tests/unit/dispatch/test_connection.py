"""Addresses, credentials and the meaning of handshake errors."""

from __future__ import annotations

import pytest
from livekit.api import TokenVerifier

from agentd.dispatch.connection import agent_url, check_settings, session_token, shown_url
from agentd.errors import SettingsError
from agentd.settings.model import LiveKitSettings

SETTINGS = LiveKitSettings(url="ws://host", api_key="devkey", api_secret="s" * 32)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://host:7880", "ws://host:7880/agent"),
        ("wss://host", "wss://host/agent"),
        ("http://host:7880", "ws://host:7880/agent"),
        ("https://host/", "wss://host/agent"),
        ("https://host/livekit/", "wss://host/livekit/agent"),
        ("wss://user:password@host/x?y=1", "wss://host/x/agent"),
    ],
)
def test_workers_connect_below_the_servers_path(url: str, expected: str) -> None:
    """http means ws, a path prefix is kept, and nothing else of the address is."""
    assert str(agent_url(url)) == expected


@pytest.mark.parametrize(
    "url", ["localhost:7880", "ftp://host", "ws://", "ws://host:99999", "ws://host:abc", "nonsense"]
)
def test_an_address_that_is_none_is_refused_with_its_value(url: str) -> None:
    """The error names the setting, the value and what it should look like."""
    with pytest.raises(SettingsError, match="LIVEKIT_URL must look like") as caught:
        agent_url(url)

    assert f"'{url}'" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://host:7880", "ws://host:7880"),
        ("wss://user:password@host/x", "wss://host/x"),
        ("wss://key:pass@word@host", "wss://host"),
    ],
)
def test_a_password_in_an_address_is_not_shown(url: str, expected: str) -> None:
    """What people see has no credentials in it."""
    assert shown_url(url) == expected


def test_missing_settings_are_named_together() -> None:
    """One error tells all that is missing."""
    with pytest.raises(SettingsError, match="LIVEKIT_API_KEY, LIVEKIT_API_SECRET not set"):
        check_settings(LiveKitSettings(url="ws://host"))


def test_a_proxy_without_a_scheme_is_refused() -> None:
    """aiohttp would fail on it at every attempt."""
    settings = LiveKitSettings(
        url="ws://host", api_key="devkey", api_secret="s" * 32, http_proxy="proxy:3128"
    )

    with pytest.raises(SettingsError, match="the proxy 'proxy:3128' can't be used"):
        check_settings(settings)


def test_the_token_lets_its_bearer_be_a_worker_and_nothing_else() -> None:
    """It grants `agent` and lives for ten minutes."""
    claims = TokenVerifier(SETTINGS.api_key, SETTINGS.api_secret).verify(session_token(SETTINGS))

    assert claims.video is not None
    assert claims.video.agent
    assert not claims.video.room_join
    assert not claims.video.room_admin


@pytest.mark.filterwarnings("error")
def test_a_short_secret_is_used_without_a_warning() -> None:
    """`livekit-server --dev` has one, and the user can do nothing about it."""
    settings = LiveKitSettings(url="ws://host", api_key="devkey", api_secret="secret")

    assert session_token(settings)
