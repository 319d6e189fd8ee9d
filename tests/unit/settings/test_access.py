"""What is needed to reach LiveKit."""

from __future__ import annotations

import pytest

from agentd.errors import SettingsError
from agentd.settings.access import require_access
from agentd.settings.layers import flags_layer, resolve

KEYS = {"api_key": "k", "api_secret": "s"}


@pytest.mark.parametrize("url", ["ws://localhost:7880", "wss://a.livekit.cloud", "https://a/path"])
def test_a_url_and_keys_are_enough(url: str) -> None:
    """Any scheme that LiveKit's addresses have is taken."""
    require_access(resolve([flags_layer({"url": url, **KEYS})]))


@pytest.mark.parametrize("url", ["localhost:7880", "ftp://a", "ws://", "ws://a:x", "ws://[a"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """The error quotes the value, says where it came from and what one looks like."""
    with pytest.raises(SettingsError) as caught:
        require_access(resolve([flags_layer({"url": url, **KEYS})]))

    assert f"'{url}' from flag --url is no address" in str(caught.value)
    assert "ws://localhost:7880" in str(caught.value)


def test_what_is_missing_is_listed_with_its_remedies() -> None:
    """All that is missing is said at once."""
    with pytest.raises(SettingsError) as caught:
        require_access(resolve([flags_layer({"api_key": "k"})]))

    assert str(caught.value) == (
        "url and api_secret must be set to reach LiveKit: set LIVEKIT_URL, LIVEKIT_API_SECRET "
        "in the environment, give --url, --api-secret, or write them under [livekit] in agentd.toml"
        "; LIVEKIT_API_SECRET_FILE may name a file that holds it"
    )
