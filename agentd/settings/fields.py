"""The model read as a table: every field with its names, type, bounds and meaning.

The command line, the environment, agentd.toml and docs/configuration.md are all made
from this table, so a field added to `model.py` is everywhere at once.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from agentd.credentials import FILE_SUFFIX

from .model import Settings

Value = bool | int | float | str

PREFIX = "AGENTD_"
"""Start of the environment variables that are ours."""


class Field(Struct, frozen=True, kw_only=True):
    """One setting."""

    name: str
    section: str
    type: typing.Any  # an Annotated form; typing has no word for it
    default: Value
    description: str
    variable: str
    """Its own environment variable, such as AGENTD_MAX_JOBS."""
    livekit_variable: str
    """The variable that livekit-agents reads for it; empty for none."""
    app_name: str
    """What `AgentServer(...)` calls it."""
    secret: bool
    credential: bool
    """Whether a file, or systemd's credentials, may hold it too."""
    choices: tuple[str, ...]
    """The words it may be; empty for a free value."""
    kind: str
    """What a value looks like: INTEGER, SECONDS, TEXT or CHOICE."""
    allowed: str
    """The values it takes, in words."""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def credential_variable(self) -> str:
        """The name of a credential: LiveKit's own word for it, else ours; empty for others."""
        return (self.livekit_variable or self.variable) if self.credential else ""

    @property
    def file_variable(self) -> str:
        """The variable that names a file which holds the value; empty where none can."""
        return f"{self.credential_variable}{FILE_SUFFIX}" if self.credential else ""

    @property
    def shown_default(self) -> str:
        """The default for people; empty where the description tells it, for it varies."""
        if "Default:" in self.description or self.default == "":
            return ""
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)


class Section(Struct, frozen=True, kw_only=True):
    """A heading in agentd.toml and in the help."""

    name: str
    description: str
    fields: tuple[Field, ...]


def closest(name: str, names: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    matches = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return matches[0] if matches else None


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the name that was probably meant, or all."""
    guess = closest(name, names)
    return f"did you mean '{guess}'?" if guess else f"known are: {', '.join(sorted(names))}"


def _number_words(kind: str, meta: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    if meta.ge is None:
        return kind
    if meta.le is None:
        return f"{kind}, {meta.ge} or more"
    return f"{kind} from {meta.ge} to {meta.le}"


def _kind(inspected: msgspec.inspect.Type, choices: tuple[str, ...]) -> tuple[str, str]:
    """How the help names the type, and the allowed values in words."""
    match inspected:
        case msgspec.inspect.IntType():
            return "INTEGER", _number_words("a whole number", inspected)
        case msgspec.inspect.FloatType():
            return "SECONDS", _number_words("a number of seconds", inspected)
        case msgspec.inspect.LiteralType():
            return "CHOICE", "one of " + ", ".join(choices)
        case msgspec.inspect.StrType():
            return "TEXT", "text"
        case _:
            raise TypeError(f"settings/model.py has a type that has no words here: {inspected}")


def _field(section: str, info: msgspec.structs.FieldInfo, hint: typing.Any) -> Field:
    inspected = msgspec.inspect.type_info(hint)
    schema: Mapping[str, str] = {}
    extra: Mapping[str, typing.Any] = {}
    if isinstance(inspected, msgspec.inspect.Metadata):
        schema = inspected.extra_json_schema or {}
        extra = inspected.extra or {}
        inspected = inspected.type
    choices: tuple[str, ...] = ()
    if isinstance(inspected, msgspec.inspect.LiteralType):
        # msgspec sorts the words; the model's own order says more (levels go upwards).
        choices = typing.get_args(typing.get_args(hint)[0])
    kind, allowed = _kind(inspected, choices)
    return Field(
        name=info.name,
        section=section,
        type=hint,
        default=info.default,
        description=schema.get("description", ""),
        variable=PREFIX + info.name.upper(),
        livekit_variable=extra.get("env", ""),
        app_name=extra.get("app", info.name),
        secret=bool(extra.get("secret", False)),
        credential=bool(extra.get("credential", False)),
        choices=choices,
        kind=kind,
        allowed=allowed,
    )


def _section(name: str, model: type[Struct]) -> Section:
    hints = typing.get_type_hints(model, include_extras=True)
    return Section(
        name=name,
        description=(model.__doc__ or "").strip(),
        fields=tuple(
            _field(name, info, hints[info.name]) for info in msgspec.structs.fields(model)
        ),
    )


SECTIONS: tuple[Section, ...] = tuple(
    _section(name, model) for name, model in typing.get_type_hints(Settings).items()
)
"""All sections, in the model's order."""

FIELDS: Mapping[str, Field] = {
    field.name: field for section in SECTIONS for field in section.fields
}
"""All fields by name; names are unique over the sections."""
