"""Where the HTTP server may listen, and what that needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.errors import SettingsError
from agentd.settings import load
from agentd.settings.http_access import allowed_hosts, is_loopback, require_http_access
from agentd.settings.layers import flags_layer, resolve, unknown_variables
from agentd.settings.model import HttpSettings, Settings

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST.", "::1", "[::1]", "::ffff:127.0.0.1"],
)
def test_loopback_needs_no_token(host: str) -> None:
    """Only this machine can connect."""
    assert is_loopback(host)
    require_http_access(resolve([flags_layer({"host": host})]))


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "*", "10.0.0.7", "fe80::1", "agents.example.com", "127.0.0.1.evil"],
)
def test_where_others_can_connect_a_token_is_needed(host: str) -> None:
    """The error says where the host was set, and what to do."""
    with pytest.raises(SettingsError) as caught:
        require_http_access(resolve([flags_layer({"host": host})]))

    told = str(caught.value)
    assert told.startswith(f"host: '{host}' from flag --host can be reached by others")
    assert "AGENTD_HTTP_TOKEN" in told
    assert "AGENTD_HTTP_TOKEN_FILE" in told
    require_http_access(resolve([flags_layer({"host": host, "http_token": TOKEN})]))


def test_a_token_that_can_be_guessed_is_none() -> None:
    """Where others may try; on loopback it is for the user to say. It is not shown."""
    short = {"http_token": TOKEN[:-1]}
    require_http_access(resolve([flags_layer(short)]))

    with pytest.raises(SettingsError, match="less than 16 characters") as caught:
        require_http_access(resolve([flags_layer(short | {"host": "::"})]))

    assert TOKEN[:-1] not in str(caught.value)


@pytest.mark.parametrize("token", ["two words of it 123", "zero\x00" + TOKEN, "schlüssel-" + TOKEN])
def test_a_token_must_fit_into_a_header(token: str) -> None:
    """It is refused at the start, not by a client months later; and not shown."""
    with pytest.raises(SettingsError, match="can't be sent in a header") as caught:
        require_http_access(resolve([flags_layer({"http_token": token})]))

    assert token not in str(caught.value)


@pytest.mark.parametrize(("name", "other"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_half_of_tls_is_an_error(name: str, other: str) -> None:
    """Plain HTTP would be served where HTTPS was meant."""
    with pytest.raises(SettingsError, match=f"{name}: it is of no use without {other}"):
        require_http_access(resolve([flags_layer({name: "file.pem"})]))


def test_names_that_are_allowed_are_read() -> None:
    """Beside localhost, and the host itself where it is one."""
    http = HttpSettings(host="Agents.example.com", http_allowed_hosts=" proxy.lan., [::5] ,,")

    assert allowed_hosts(http) == {"localhost", "agents.example.com", "proxy.lan", "::5"}
    assert allowed_hosts(HttpSettings(host="0.0.0.0")) == {"localhost"}


@pytest.mark.parametrize("names", ["https://a", "a:80", "a b", "*", "a/b"])
def test_what_is_no_name_of_a_host_is_refused(names: str) -> None:
    """It would never match."""
    with pytest.raises(SettingsError, match="http_allowed_hosts: '"):
        require_http_access(resolve([flags_layer({"http_allowed_hosts": names})]))


def test_the_token_is_not_in_a_repr() -> None:
    """Settings end up in tracebacks."""
    assert TOKEN not in repr(Settings(http=HttpSettings(http_token=TOKEN)))


def test_the_token_comes_from_a_file_or_a_credential(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name, since LiveKit has none for it."""
    (workdir / "agentd_http_token").write_text(f"{TOKEN}\n")
    credentials = {"CREDENTIALS_DIRECTORY": str(workdir)}
    file = {"AGENTD_HTTP_TOKEN_FILE": str(workdir / "agentd_http_token")}

    assert load.credential_layer(credentials).values == {"http_token": TOKEN}
    assert load.credential_layer(file).values == {"http_token": TOKEN}
    assert load.credential_layer(file | {"AGENTD_HTTP_TOKEN": "x"}).values == {}
    assert unknown_variables(file) == []


def test_children_do_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the daemon's: an app has no use for it."""
    monkeypatch.setenv("AGENTD_HTTP_TOKEN", TOKEN)
    monkeypatch.setenv("AGENTD_HTTP_TOKEN_FILE", "/token")

    assert [name for name in load.child_environment(Settings()) if "TOKEN" in name] == []
