"""Settings and where they come from, proxies, and who can read the keys."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from agentd.credentials import DIRECTORY_VARIABLE, FILE_SUFFIX
from agentd.dispatch.connection import shown_url
from agentd.doctor.finding import (
    Finding,
    Unexaminable,
    failure,
    gravest,
    ok,
    skipped,
    warning,
)
from agentd.doctor.patient import Patient
from agentd.doctor.threads import in_thread
from agentd.settings.fields import FIELDS
from agentd.settings.layers import Rank, Resolved, unknown_variables

SECRET_WORDS = ("secret", "token", "password", "api_key", "apikey")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own, as far as its name tells."""
    return host.startswith("127.") or host in ("localhost", "::1", "[::1]")


# -- settings ------------------------------------------------------------------------


def judge_settings(error: str, resolved: Resolved | None, unknown: Iterable[str]) -> Finding:
    """All can be used; a name that sets nothing was meant to set something."""
    if error or resolved is None:
        return failure(error, "mend the value where the message says it comes from")
    notes = list(unknown)
    if notes:
        return warning("; ".join(notes), "correct the name, or unset the variable")
    given = {
        name: str(origin)
        for name, origin in resolved.origin.items()
        if origin.rank is not Rank.DEFAULT
    }
    listed = ", ".join(f"{name} ({origin})" for name, origin in sorted(given.items()))
    return ok(f"{len(given)} of {len(FIELDS)} set: {listed}" if given else "all are defaults")


async def settings(patient: Patient) -> Finding:
    resolved = None if patient.settings_error else await patient.resolved()
    return judge_settings(patient.settings_error, resolved, unknown_variables(patient.environ))


# -- proxies -------------------------------------------------------------------------


def judge_proxies(url: str, http_proxy: str, environ: Mapping[str, str]) -> Finding:
    """A proxy is on the way to LiveKit only where one is meant to be."""
    host = urlsplit(url).hostname or ""
    findings = []
    proxy = urlsplit(http_proxy)
    if http_proxy and (proxy.scheme not in ("http", "https") or not proxy.hostname):
        findings.append(
            failure(
                f"http_proxy is '{shown_url(http_proxy)}', which is no address of a proxy",
                "it must look like http://proxy.example:3128",
            )
        )
    elif http_proxy and is_loopback(host):
        findings.append(
            warning(
                f"LiveKit is on this machine ({host}), yet asked through the proxy "
                f"'{shown_url(http_proxy)}'",
                'unset HTTPS_PROXY, or set http_proxy = "" under [livekit]',
            )
        )
    names = [name for name in ("ALL_PROXY", "all_proxy") if environ.get(name)]
    if names:
        findings.append(
            warning(
                f"{', '.join(names)} is set: LiveKit's library may use it and agentd does not",
                "set HTTPS_PROXY instead",
            )
        )
    if findings:
        return gravest(findings)
    through = f"LiveKit is asked through '{shown_url(http_proxy)}'; media does not go through it"
    return ok(through if http_proxy else "none")


async def proxies(patient: Patient) -> Finding:
    livekit = (await patient.settings()).livekit
    return judge_proxies(livekit.url, livekit.http_proxy, patient.environ)


# -- files with keys in them ---------------------------------------------------------


class SecretFile(Struct, frozen=True, kw_only=True):
    """A file that has a key in it."""

    path: str
    mode: int
    why: str


def judge_secret_files(files: Iterable[SecretFile]) -> Finding:
    """Nobody but the daemon's user (and group) can read them."""
    files = tuple(files)
    if not files:
        return skipped("no file with a key is named: keys come from the environment")
    open_ = [each for each in files if each.mode & stat.S_IROTH]
    if open_:
        return warning(
            "every user of this machine can read "
            + ", ".join(f"'{each.path}' ({each.why}, mode {each.mode:04o})" for each in open_),
            "; ".join(f"chmod o-rwx {each.path}" for each in open_),
        )
    return ok(", ".join(f"'{each.path}' has mode {each.mode:04o}" for each in files))


async def secret_files(patient: Patient) -> Finding:
    return judge_secret_files(await in_thread(lambda: found_secret_files(patient)))


def found_secret_files(patient: Patient) -> list[SecretFile]:
    """The configuration, `.env` beside it and beside the app, and what *_FILE variables name."""
    candidates: dict[Path, str] = {}
    for name, value in patient.environ.items():
        if name.endswith(FILE_SUFFIX) and _sounds_secret(name):
            candidates[Path(value)] = name
    folder = patient.environ.get(DIRECTORY_VARIABLE)
    if folder:
        candidates |= dict.fromkeys(_entries(Path(folder)), DIRECTORY_VARIABLE)
    if patient.config is not None:
        candidates[patient.config] = "the configuration"
    with suppress(Unexaminable):
        key = patient.given().settings.http.tls_key
        candidates |= {Path(key): "tls_key"} if key else {}
    folders = [Path.cwd()]
    if patient.app_ref is not None and patient.app_ref.is_file:
        folders.append(Path(patient.app_ref.target).parent)
    candidates |= {folder / ".env": "environment file" for folder in folders}
    return [
        SecretFile(path=str(path), mode=mode, why=why)
        for path, why in candidates.items()
        if (mode := _mode(path)) is not None and (why != "the configuration" or _has_secret(path))
    ]


def _has_secret(path: Path) -> bool:
    secrets = [field.name for field in FIELDS.values() if field.secret]
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.strip().startswith(name) and "=" in line for line in lines for name in secrets)


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_WORDS)


def _mode(path: Path) -> int | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
