"""The only module that reads or writes the environment, and finds agentd.toml.

What the values mean and which of them wins is `layers.py`'s; this module gathers them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from agentd.credentials import find_credential
from agentd.errors import MissingCredential, SettingsError

from .configfile import parse_config
from .fields import FIELDS, Value
from .layers import Layer, Rank, dev_layer, environment_layers, flags_layer
from .model import Settings

CONFIG_FILE = "agentd.toml"
CONFIG_VARIABLE = "AGENTD_CONFIG"

SINGLE_THREADED = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
"""Keeps numpy and friends from starting threads on import: a template with threads can't fork."""

SYSTEMD_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
)
"""Between systemd and the daemon: a library in a child must not speak for it."""

TOKEN_VARIABLES = (FIELDS["http_token"].variable, FIELDS["http_token"].file_variable)
"""The daemon's own: no app has a use for them."""

MODEL_HOST_VARIABLE = "AGENTD_MODEL_HOST"
"""The socket of the model host."""
HOSTED_MODELS_VARIABLE = "AGENTD_HOSTED_MODELS"
"""Keys of the models that it has, with spaces between them."""


class LiveKitAccess(Protocol):
    """What a child is told about the LiveKit server (`ChildConfig`, seen from this floor)."""

    @property
    def livekit_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def api_secret(self) -> str: ...


def environment() -> dict[str, str]:
    """A copy of the environment, for the pure modules that take it as an argument."""
    return dict(os.environ)


def load_layers(
    flags: Mapping[str, str], *, config: str | None = None, dev: bool = False
) -> tuple[Layer, ...]:
    """Every layer but the app's own, which comes later, from the template.

    `flags` are values by field name, `config` is the file named with --config. Raises
    SettingsError for a file that can't be read or has unknown names; values are checked
    by `resolve`.
    """
    environ = environment()
    layers = [flags_layer(flags), *environment_layers(environ), credential_layer(environ)]
    path = config_path(config, environ)
    if path is not None:
        layers.append(read_config(path))
    if dev:
        layers.append(dev_layer())
    return tuple(layers)


def credential_layer(environ: Mapping[str, str]) -> Layer:
    """Keys and tokens from files that the environment names, or from systemd's credentials.

    A file is not looked at where the variable itself is set. Raises SettingsError.
    """
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    for field in FIELDS.values():
        names = (field.variable, field.livekit_variable)
        if not field.credential or any(environ.get(name, "").strip() for name in names):
            continue
        try:
            found = find_credential(field.credential_variable, environ)
        except MissingCredential as error:
            raise SettingsError(f"{field.name}: {error}") from error
        if found is not None:
            values[field.name], origins[field.name] = found.value, found.origin
    return Layer(rank=Rank.CREDENTIAL, values=values, origins=origins)


def config_path(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: --config, else AGENTD_CONFIG, else ./agentd.toml if there is one."""
    named = config or environ.get(CONFIG_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    found = Path(CONFIG_FILE)
    return found if found.is_file() else None


def read_config(path: Path) -> Layer:
    """The layer of a configuration file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"the configuration file '{path}' can't be read: {reason}. "
            f"Give another with --config or {CONFIG_VARIABLE}."
        ) from error
    return parse_config(text, path=str(path))


def export_livekit_env(config: LiveKitAccess) -> None:
    """Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET in this process.

    LiveKit's own SDK reads them, and so does the code of users (`api.LiveKitAPI()`
    without arguments). Values that are not known are left as they are.
    """
    os.environ.update(_livekit_variables(config.livekit_url, config.api_key, config.api_secret))


def export_hosted_models(keys: Iterable[str]) -> None:
    """Tell this process, and those that it forks, which models are in the model host.

    Nothing is told where there is no host.
    """
    if MODEL_HOST_VARIABLE in os.environ:
        os.environ[HOSTED_MODELS_VARIABLE] = " ".join(keys)


def child_environment(
    settings: Settings, *, dev: bool = False, model_host: Path | None = None
) -> dict[str, str]:
    """The environment for a template or a child; what the user has set himself stays.

    `model_host` is the socket of the daemon's own; one that the user has named is another's.
    """
    livekit = settings.livekit
    # RUST_LOG: what LiveKit's library writes to standard error (agentd/room/native.py).
    environ = SINGLE_THREADED | {"PYTHONUNBUFFERED": "1", "RUST_LOG": "warn"} | environment()
    ours = (*SYSTEMD_VARIABLES, *TOKEN_VARIABLES, MODEL_HOST_VARIABLE, HOSTED_MODELS_VARIABLE)
    for name in ours:
        environ.pop(name, None)
    if model_host is not None:
        environ[MODEL_HOST_VARIABLE] = str(model_host)
    environ |= _livekit_variables(livekit.url, livekit.api_key, livekit.api_secret)
    if dev:
        environ["LIVEKIT_DEV_MODE"] = "1"
    return environ


def watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Seconds within which systemd wants to hear from this process; None if it does not.

    sd_watchdog_enabled(3) has the rules.
    """
    mine = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    micros = environ.get("WATCHDOG_USEC", "")
    if not mine or not environ.get("NOTIFY_SOCKET") or not micros.isdecimal():
        return None
    return int(micros) / 1e6 or None


def _livekit_variables(url: str, api_key: str, api_secret: str) -> dict[str, str]:
    variables = {
        "LIVEKIT_URL": url,
        "LIVEKIT_API_KEY": api_key,
        "LIVEKIT_API_SECRET": api_secret,
    }
    return {name: value for name, value in variables.items() if value}


def wants_colour(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to write colours: NO_COLOR forbids, FORCE_COLOR asks, else only to a terminal."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (is_terminal and environ.get("TERM") != "dumb")
