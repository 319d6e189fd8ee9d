"""Gathering the layers from the real environment and a real file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentd.errors import SettingsError
from agentd.protocol.frames import ChildConfig
from agentd.settings import load
from agentd.settings.layers import flags_layer, resolve
from agentd.settings.model import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory and an environment without our names."""
    for name in list(os.environ):
        if name.startswith(("AGENTD_", "LIVEKIT_", "CREDENTIALS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_in_the_working_directory_is_found(clean: Path) -> None:
    """agentd.toml counts without being named."""
    (clean / "agentd.toml").write_text("[pool]\nmax_jobs = 3")

    resolved = resolve(load.load_layers({}))

    assert resolved.settings.pool.max_jobs == 3
    assert str(resolved.origin["max_jobs"]) == "agentd.toml [pool]"


def test_a_named_file_replaces_the_one_found(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config beats AGENTD_CONFIG, which beats ./agentd.toml."""
    for number, name in enumerate(["agentd.toml", "variable.toml", "flag.toml"], start=1):
        (clean / name).write_text(f"[pool]\nmax_jobs = {number}")
    monkeypatch.setenv("AGENTD_CONFIG", "variable.toml")

    by_variable = resolve(load.load_layers({}))
    by_flag = resolve(load.load_layers({}, config="flag.toml"))

    assert by_variable.settings.pool.max_jobs == 2
    assert by_flag.settings.pool.max_jobs == 3


def test_a_named_file_that_is_missing_is_an_error() -> None:
    """A file that was asked for and is not there can't be passed over."""
    with pytest.raises(SettingsError, match="'gone.toml' can't be read: No such file"):
        load.load_layers({}, config="gone.toml")


def test_dev_brings_its_defaults() -> None:
    """The dev layer is there when asked for."""
    assert resolve(load.load_layers({}, dev=True)).settings.http.port == 0


def test_a_child_gets_the_resolved_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children's environment says what was resolved, and that it is dev."""
    monkeypatch.setenv("LIVEKIT_URL", "ws://old")
    settings = resolve([flags_layer({"url": "ws://new", "api_key": "k"})]).settings

    environ = load.child_environment(settings, dev=True)

    assert environ["LIVEKIT_URL"] == "ws://new"
    assert environ["LIVEKIT_API_KEY"] == "k"
    assert "LIVEKIT_API_SECRET" not in environ
    assert environ["LIVEKIT_DEV_MODE"] == "1"
    assert environ["PYTHONUNBUFFERED"] == "1"


def test_a_child_knows_its_daemons_model_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other, such as that of a daemon above."""
    monkeypatch.setenv(load.MODEL_HOST_VARIABLE, "/another/models.sock")
    monkeypatch.setenv(load.HOSTED_MODELS_VARIABLE, "another-00000000")

    environ = load.child_environment(Settings(), model_host=Path("/run/agentd/models.sock"))

    assert environ[load.MODEL_HOST_VARIABLE] == "/run/agentd/models.sock"
    assert load.HOSTED_MODELS_VARIABLE not in environ
    assert load.MODEL_HOST_VARIABLE not in load.child_environment(Settings())


def test_hosted_models_are_told_where_there_is_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, as in `agentd config`, nothing is."""
    monkeypatch.delenv(load.HOSTED_MODELS_VARIABLE, raising=False)
    monkeypatch.delenv(load.MODEL_HOST_VARIABLE, raising=False)
    load.export_hosted_models(["a-1", "b-2"])
    assert load.HOSTED_MODELS_VARIABLE not in load.environment()

    monkeypatch.setenv(load.MODEL_HOST_VARIABLE, "/run/m")
    monkeypatch.setenv(load.HOSTED_MODELS_VARIABLE, "")
    load.export_hosted_models(["a-1", "b-2"])
    assert load.environment()[load.HOSTED_MODELS_VARIABLE] == "a-1 b-2"


def test_thread_variables_of_the_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets OMP_NUM_THREADS means it; the others are held at one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)

    environ = load.child_environment(resolve([]).settings)

    assert environ["OMP_NUM_THREADS"] == "4"
    assert environ["OPENBLAS_NUM_THREADS"] == "1"


def test_livekits_variables_are_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a child, LiveKit's own SDK finds the server; what is unknown stays as it was."""
    monkeypatch.setenv("LIVEKIT_URL", "")
    monkeypatch.setenv("LIVEKIT_API_KEY", "before")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "")

    load.export_livekit_env(ChildConfig(livekit_url="ws://a", api_secret="s"))

    assert os.environ["LIVEKIT_URL"] == "ws://a"
    assert os.environ["LIVEKIT_API_KEY"] == "before"
    assert os.environ["LIVEKIT_API_SECRET"] == "s"


@pytest.mark.parametrize(
    ("environ", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_unless_told(
    environ: dict[str, str], is_terminal: bool, expected: bool
) -> None:
    """NO_COLOR forbids, FORCE_COLOR asks, else the terminal decides."""
    assert load.wants_colour(environ, is_terminal=is_terminal) is expected


SERVICE = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}
GIVEN = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http", "JOURNAL_STREAM": "8:1"}


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        (SERVICE, 30.0),
        (SERVICE | {"WATCHDOG_PID": str(os.getpid())}, 30.0),
        (SERVICE | {"WATCHDOG_PID": "1"}, None),
        (SERVICE | {"WATCHDOG_USEC": "0"}, None),
        (SERVICE | {"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
        ({"NOTIFY_SOCKET": "/run/notify"}, None),
    ],
    ids=["a service", "ours", "another's", "zero", "no number", "no socket", "no watchdog"],
)
def test_the_watchdog_of_systemd_is_read(environ: dict[str, str], seconds: float | None) -> None:
    """By the rules of sd_watchdog_enabled(3)."""
    assert load.watchdog_interval(environ) == seconds


def test_children_are_not_told_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they would say there would be taken for the daemon's word."""
    ours = SERVICE | GIVEN
    for name, value in ours.items():
        monkeypatch.setenv(name, value)

    assert load.child_environment(Settings()).keys() & ours.keys() == set()


def test_livekits_secret_comes_from_a_file_that_is_named(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It beats agentd.toml, and the variable itself beats it; the origin says which file."""
    (clean / "agentd.toml").write_text('[livekit]\napi_secret = "of-the-toml"')
    (clean / "secret").write_text("of-the-file\n")
    monkeypatch.setenv("LIVEKIT_API_SECRET_FILE", "secret")

    by_file = resolve(load.load_layers({}))
    monkeypatch.setenv("LIVEKIT_API_SECRET", "of-the-variable")
    by_variable = resolve(load.load_layers({}))

    assert by_file.settings.livekit.api_secret == "of-the-file"
    assert str(by_file.origin["api_secret"]) == "file 'secret' (LIVEKIT_API_SECRET_FILE)"
    assert by_variable.settings.livekit.api_secret == "of-the-variable"


def test_livekits_key_and_secret_come_from_systemds_credentials(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In capitals or not."""
    (clean / "livekit_api_secret").write_text("s\n")
    (clean / "LIVEKIT_API_KEY").write_text("k\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(clean))

    resolved = resolve(load.load_layers({}))

    assert (resolved.settings.livekit.api_key, resolved.settings.livekit.api_secret) == ("k", "s")
    assert str(resolved.origin["api_secret"]) == "systemd credential livekit_api_secret"


def test_a_secrets_file_that_can_not_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the setting and the file; a daemon must not go on with another secret."""
    monkeypatch.setenv("LIVEKIT_API_SECRET_FILE", "gone")

    with pytest.raises(SettingsError, match="api_secret: .*'gone'.*No such file"):
        load.load_layers({})
