"""Scripts as files: YAML or TOML, and the line of a mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from agentd.errors import SettingsError

from .script import Script, ScriptFault, make_script

MAX_BYTES = 1024 * 1024
"""Of a script: a long one has a hundredth of it."""

_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")

Place = tuple[str | int, ...]


def read_script(path: str | Path, given: Mapping[str, str] | None = None) -> Script:
    """The script of a .yaml, .yml or .toml file; its variables are filled in, `given` first.

    Raises SettingsError, which names the file, the line and the mistake.
    """
    file = Path(path)
    if file.suffix not in {".yaml", ".yml", ".toml"}:
        raise SettingsError(f"a script is a .yaml or .toml file, but not '{path}'")
    try:
        data = file.read_bytes()
        text = data.decode()
    except OSError as error:
        raise SettingsError(f"the script '{path}' can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the script '{path}' is not UTF-8: {error}") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"the script '{path}' has more than {MAX_BYTES} bytes")
    read = _toml if file.suffix == ".toml" else _yaml
    lines: dict[Place, int] = {}
    try:
        return make_script(read(text, lines), given)
    except ScriptFault as fault:
        line = _line_of(fault.path, lines)
        where = f"'{path}'" if fault.path == "$" else f"'{path}', line {line}, {fault.path[2:]}"
        raise SettingsError(f"{where}: {fault}") from fault
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"'{path}' can't be read: {' '.join(str(error).split())}") from error


def _line_of(path: str, lines: Mapping[Place, int]) -> int:
    """The line of the place, or of what it is in."""
    parts: list[str | int] = [int(n) if n else name for name, n in _PART.findall(path[1:])]
    while parts and tuple(parts) not in lines:
        parts.pop()
    return lines.get(tuple(parts), 1)


def _yaml(text: str, lines: dict[Place, int]) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ScriptFault("it is empty")
        _note(node, (), lines, set())
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _note(node: yaml.Node, path: Place, lines: dict[Place, int], seen: set[int]) -> None:
    """Note the line of each place."""
    # What is named twice may be named a billion times.
    if id(node) in seen:
        raise ScriptFault("aliases (*name) are not understood here: use variables")
    seen.add(id(node))
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*path, str(key.value))
            if place in lines:
                lines[place] = key.start_mark.line + 1
                raise ScriptFault(f"'{key.value}' is there twice", _text(place))
            _note(value, place, lines, seen)
            lines[place] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note(value, (*path, index), lines, seen)


def _text(place: Place) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def _toml(text: str, lines: dict[Place, int]) -> Any:
    document = tomllib.loads(text)
    place: Place = ()
    turn = -1
    # tomllib tells no lines; as scripts are written, these find them.
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("[["):
            turn += 1
            place = ("turns", turn)
            lines[place] = number
        elif stripped.startswith("["):
            names = stripped.strip("[]").split(".")
            place = ("turns", turn, *names[1:]) if names[0] == "turns" else tuple(names)
            lines[place] = number
        elif "=" in stripped:
            lines.setdefault((*place, stripped.split("=")[0].strip()), number)
    return document
