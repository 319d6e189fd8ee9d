"""agentd.toml: its text to a layer of settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from agentd.errors import SettingsError

from .fields import FIELDS, SECTIONS, Section, Value, nearest
from .layers import Layer, Rank

_SECTIONS = {section.name: section for section in SECTIONS}


def parse_config(text: str, *, path: str) -> Layer:
    """The layer of a file; raises SettingsError that names the file and the nearest right word."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no valid TOML: {error}") from error
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    for section, name, value in _entries(document, path):
        values[name] = value
        origins[name] = f"{path} [{section.name}]"
    return Layer(rank=Rank.FILE, values=values, origins=origins)


def _entries(document: dict[str, object], path: str) -> Iterator[tuple[Section, str, Value]]:
    for heading, table in document.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: '{heading}' stands outside of a section{_home(heading)}")
        section = _SECTIONS.get(heading)
        if section is None:
            raise SettingsError(
                f"{path}: there is no section [{heading}]: {nearest(heading, _SECTIONS)}"
            )
        for name, value in table.items():
            yield section, name, _entry(section, name, value, path)


def _entry(section: Section, name: str, value: object, path: str) -> Value:
    names = [field.name for field in section.fields]
    if name not in names:
        hint = _home(name) or f": {nearest(name, names)}"
        raise SettingsError(f"{path} [{section.name}]: there is no setting '{name}'{hint}")
    if isinstance(value, bool | int | float | str):
        return value
    raise SettingsError(
        f"{path} [{section.name}]: {name} is a {type(value).__name__}; "
        f"it must be {FIELDS[name].allowed}"
    )


def _home(name: str) -> str:
    """Where a name that stands in the wrong place belongs."""
    return f": it belongs under [{FIELDS[name].section}]" if name in FIELDS else ""
