"""Which value wins: layers of values, laid over each other by rank.

Pure: a layer is data, `resolve` looks at nothing else. Reading files and the
environment is `load.py`'s.

The order is flags, environment, files with keys, agentd.toml, the app, dev defaults, defaults. One
setting has two places more, as livekit-agents' users know them: for `agent_name`,
LIVEKIT_AGENT_NAME_OVERRIDE beats even the flag, and LIVEKIT_AGENT_NAME counts only
when the app has given itself no name (AGENTD_AGENT_NAME is an ordinary variable).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType

import msgspec
from msgspec import Struct

from agentd.errors import SettingsError

from .fields import FIELDS, PREFIX, SECTIONS, Field, Value, closest, nearest
from .model import DEV_DEFAULTS, Settings

NO_SETTINGS = frozenset({"config", "models_dir"})
"""What our variables are called that are read elsewhere: they say where to look for things."""


class Rank(IntEnum):
    """Where a layer lies; the lower number wins."""

    OVERRIDE = 0
    FLAG = 1
    ENVIRONMENT = 2
    CREDENTIAL = 3
    """A file that holds nothing but a key: one that the environment names, or systemd's."""
    FILE = 4
    APP = 5
    FALLBACK = 6
    """LIVEKIT_AGENT_NAME: an environment variable that the app's own value beats."""
    DEV_DEFAULT = 7
    DEFAULT = 8


class Origin(Struct, frozen=True, kw_only=True):
    """Where a value came from."""

    rank: Rank
    text: str
    """For people, such as `flag --max-jobs` or `agentd.toml [pool]`."""

    def __str__(self) -> str:
        return self.text


class Layer(Struct, frozen=True, kw_only=True):
    """Values from one place, each with the words that say where it was given."""

    rank: Rank
    values: Mapping[str, Value]
    origins: Mapping[str, str]
    """By field name; a field without an entry is said to come from the rank's name."""

    def __repr__(self) -> str:
        # Layers travel through the daemon's plan and end up in tracebacks: no values here.
        return f"Layer({self.rank.name}: {', '.join(self.values) or 'empty'})"

    def origin(self, name: str) -> Origin:
        """Where this layer's value of a field came from."""
        fallback = self.rank.name.lower().replace("_", " ")
        return Origin(rank=self.rank, text=self.origins.get(name, fallback))


class Resolved(Struct, frozen=True, kw_only=True):
    """The settings, and where each came from."""

    settings: Settings
    origin: Mapping[str, Origin]
    """By field name; complete."""

    def value(self, name: str) -> Value:
        """The value of a field."""
        section = getattr(self.settings, FIELDS[name].section)
        value: Value = getattr(section, name)
        return value


def flags_layer(values: Mapping[str, str]) -> Layer:
    """What the user gave on the command line, by field name."""
    return Layer(
        rank=Rank.FLAG,
        values=dict(values),
        origins={name: f"flag {FIELDS[name].flag}" for name in values if name in FIELDS},
    )


def app_layer(values: Mapping[str, Value], *, agent_name: str = "") -> Layer:
    """What the app says of itself; `AgentServer`'s own words for a field are understood too."""
    aliases = {field.app_name: field.name for field in FIELDS.values()}
    own = {aliases.get(name, name): value for name, value in values.items()}
    if agent_name:
        own["agent_name"] = agent_name
    return Layer(rank=Rank.APP, values=own, origins=dict.fromkeys(own, "the app"))


def dev_layer() -> Layer:
    """What `agentd dev` takes instead of the defaults."""
    return Layer(
        rank=Rank.DEV_DEFAULT,
        values=DEV_DEFAULTS,
        origins=dict.fromkeys(DEV_DEFAULTS, "dev default"),
    )


def environment_layers(environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """What the environment sets.

    An empty variable counts as not set, as compose files and unit files like to leave
    them; white space around a value is dropped, since a secret read with `$(cat file)`
    or from a file with Windows line ends has some.
    """
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    layers = [_variables(Rank.ENVIRONMENT, given, _variable_names())]
    override = {"LIVEKIT_AGENT_NAME_OVERRIDE": "agent_name"}
    layers.append(_variables(Rank.OVERRIDE, given, override))
    fallback = {FIELDS["agent_name"].livekit_variable: "agent_name"}
    layers.append(_variables(Rank.FALLBACK, given, fallback))
    return tuple(layer for layer in layers if layer.values)


def _variable_names() -> dict[str, str]:
    """Field names by variable; an AGENTD_ name comes after LIVEKIT's, so that it wins."""
    livekit = {
        field.livekit_variable: field.name
        for field in FIELDS.values()
        if field.livekit_variable and field.name != "agent_name"
    }
    return livekit | {field.variable: field.name for field in FIELDS.values()}


def _variables(rank: Rank, given: Mapping[str, str], names: Mapping[str, str]) -> Layer:
    found = {variable: name for variable, name in names.items() if variable in given}
    return Layer(
        rank=rank,
        values={name: given[variable] for variable, name in found.items()},
        origins={name: f"environment {variable}" for variable, name in found.items()},
    )


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A note on each AGENTD_ variable that sets nothing; no error, other tools may own it."""
    given = sorted(name for name in environ if name.startswith(PREFIX))
    names = [name.removeprefix(PREFIX).lower() for name in given]
    files = {field.file_variable.removeprefix(PREFIX).lower() for field in FIELDS.values()}
    known = {*FIELDS, *files, *NO_SETTINGS}
    return [_unknown_note(name) for name in names if name not in known]


def _unknown_note(name: str) -> str:
    guess = closest(name, FIELDS)
    hint = f": did you mean {FIELDS[guess].variable}?" if guess else ""
    return f"{PREFIX}{name.upper()} sets nothing{hint}"


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Lay the layers over each other by rank, in whatever order they come.

    Raises SettingsError for a name that is no setting, or for a value that is not allowed.
    """
    values: dict[str, Value] = {}
    origin = {name: Origin(rank=Rank.DEFAULT, text="default") for name in FIELDS}
    for layer in sorted(layers, key=lambda layer: layer.rank, reverse=True):
        for name, value in layer.values.items():
            source = layer.origin(name)
            values[name] = _checked(name, value, source)
            origin[name] = source
    return Resolved(settings=_settings(values), origin=MappingProxyType(origin))


def _settings(values: Mapping[str, Value]) -> Settings:
    return msgspec.convert(
        {
            section.name: {
                field.name: values[field.name] for field in section.fields if field.name in values
            }
            for section in SECTIONS
        },
        Settings,
    )


def _checked(name: str, value: Value, origin: Origin) -> Value:
    """The value in its field's type; a losing value is checked too, before it wins one day."""
    if name not in FIELDS:
        raise SettingsError(f"there is no setting '{name}' ({origin}): {nearest(name, FIELDS)}")
    field = FIELDS[name]
    if field.choices and isinstance(value, str):
        value = _choice(field, value)
    try:
        converted: Value = msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError:
        # Not chained: msgspec's text says less than ours.
        raise _refused(field, value, origin) from None
    if isinstance(converted, float) and not math.isfinite(converted):
        # Every wait has a deadline, so no duration may be endless.
        raise _refused(field, value, origin)
    return converted


def _choice(field: Field, value: str) -> str:
    """The word as the model writes it: `debug` is DEBUG, and `warn` is WARNING."""
    lowered = "warning" if value.lower() == "warn" else value.lower()
    return next((choice for choice in field.choices if choice.lower() == lowered), value)


def _refused(field: Field, value: Value, origin: Origin) -> SettingsError:
    shown = "the value (not shown)" if field.secret else f"'{value}'"
    return SettingsError(
        f"{field.name}: {shown} from {origin} can't be used; it must be {field.allowed}"
    )
