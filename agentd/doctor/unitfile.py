"""Reads systemd's unit files, as far as the doctor compares them with settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system",
           "usr/lib/systemd/system", "lib/systemd/system")  # fmt: skip
"""In the order in which the first counts."""

NAME = re.compile(r"^agentd[\w.-]*(@[\w.-]*)?\.service$")

UNITS_OF_TIME = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0,
    "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
}  # fmt: skip

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


class Unit(Struct, frozen=True, kw_only=True):
    """A service as systemd would see it."""

    path: str
    service: Mapping[str, Sequence[str]]
    """Section [Service]: values by key, in order."""

    def last(self, key: str, default: str = "") -> str:
        """The value that counts where the last one does."""
        values = self.service.get(key, ())
        return values[-1] if values else default

    def seconds(self, key: str) -> float | None:
        """A span of time; infinite for `infinity`, None where it is not set or can't be read."""
        return parse_span(self.last(key))

    def is_on(self, key: str) -> bool:
        """A yes or no."""
        return self.last(key).lower() in ("yes", "true", "on", "1")


def parse_span(text: str) -> float | None:
    """systemd.time(7): `5min 20s`, `90`, `infinity`."""
    text = text.strip().lower()
    if text == "infinity":
        return float("inf")
    parts = _TIME.findall(text)
    if not parts or _TIME.sub("", text).strip() or any(u not in UNITS_OF_TIME for _, u in parts):
        return None
    return sum(float(number) * UNITS_OF_TIME[unit] for number, unit in parts)


def parse_units(path: str, texts: Iterable[str]) -> Unit:
    """A unit file and its drop-ins, in order. An empty value forgets those before it."""
    service: dict[str, list[str]] = {}
    for text in texts:
        section = ""
        for line in map(str.strip, text.replace("\\\n", " ").splitlines()):
            if not line or line[0] in "#;":
                continue
            if line.startswith("["):
                section = line.strip("[]")
                continue
            key, separator, value = line.partition("=")
            if section != "Service" or not separator:
                continue
            if value.strip():
                service.setdefault(key.strip(), []).append(value.strip())
            else:
                service[key.strip()] = []
    return Unit(path=path, service=service)


def load(root: Path) -> list[Unit]:
    """The installed units that are agentd's by their name; raises OSError."""
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("agentd*.service")):
            if NAME.match(path.name) and path.is_file():
                found.setdefault(path.name, path)
    return [_with_drop_ins(path, root) for path in found.values()]


def _with_drop_ins(path: Path, root: Path) -> Unit:
    drop_ins: dict[str, Path] = {}
    for folder in FOLDERS:
        for each in sorted((root / folder / f"{path.name}.d").glob("*.conf")):
            drop_ins.setdefault(each.name, each)
    texts = [path.read_text("utf-8", "replace")]
    texts += [drop_ins[name].read_text("utf-8", "replace") for name in sorted(drop_ins)]
    return parse_units(str(path), texts)
