"""The types that a tool's arguments may have: how each is described, and how a value becomes one.

msgspec knows the types of the standard library and its own. What has to do with pydantic (a model,
a `Field`) is left to pydantic, which is imported only when a user's tool has brought it.
"""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Protocol, get_args, get_origin

import msgspec
from msgspec import Struct

from .schema import Schema, normalize

PYDANTIC_PACKAGES = ("pydantic", "annotated_types")


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""The default of an argument that has none."""


class Factory(Struct, frozen=True):
    """A default that is made anew for each call."""

    make: Callable[[], Any]


class ArgumentType(Protocol):
    """A type of an argument."""

    def schema(self) -> Schema:
        """Its JSON schema; raises TypeError or ValueError where it has none."""

    def convert(self, value: Any) -> Any:
        """A value made of JSON's types; raises ValueError with a text for the model."""

    def encode_default(self, default: Any) -> Any:
        """The default in JSON's types; REQUIRED where it can't be shown or there is none."""


class PlainType:
    """A type that msgspec knows."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self._schema = normalize(_plain_schema(annotation))
        text = _plain_text(annotation)
        if text:
            self._schema = {"description": text, **self._schema}

    def schema(self) -> Schema:
        """See the protocol."""
        return self._schema

    def convert(self, value: Any) -> Any:
        """See the protocol; a number or a truth value may come as text."""
        try:
            return msgspec.convert(value, self._annotation, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(_with_choices(str(error), self._schema)) from error

    def encode_default(self, default: Any) -> Any:
        """See the protocol."""
        try:
            return default if default is REQUIRED else msgspec.to_builtins(default)
        except (
            TypeError,
            ValueError,
        ):  # it is no value of JSON's; the function gets it all the same
            return REQUIRED


def argument_type(annotation: Any) -> ArgumentType:
    """The type of an annotation; raises TypeError or ValueError where it is none of an argument."""
    if uses_pydantic(annotation):
        made: ArgumentType = _pydantic_types().PydanticType(annotation)
        return made
    return PlainType(annotation)


def declared_default(annotation: Any, default: Any) -> tuple[Any, Any]:
    """Annotation and default, where pydantic's `Field` stands for either."""
    fields = [one for one in get_args(annotation)[1:] if _is_field(one)]
    if not _is_field(default) and not (default is REQUIRED and fields):
        return annotation, default
    made: tuple[Any, Any] = _pydantic_types().declared_default(annotation, default)
    return made


def uses_pydantic(annotation: Any) -> bool:
    """Whether there is something of pydantic's in it, at any depth."""
    return any(_is_pydantic(part) for part in _parts(annotation, set()))


def _parts(annotation: Any, seen: set[int]) -> Iterator[Any]:
    """An annotation and all that it consists of."""
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    yield annotation
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for inner in (*get_args(annotation), *_field_types(annotation)):
        yield from _parts(inner, seen)


def _field_types(kind: Any) -> list[Any]:
    """The types of the fields of a dataclass, a TypedDict or a Struct."""
    has_fields = isinstance(kind, type) and (
        dataclasses.is_dataclass(kind)
        or (issubclass(kind, dict) and hasattr(kind, "__total__"))  # a TypedDict, whoever made it
        or issubclass(kind, msgspec.Struct)
    )
    if not has_fields or _is_pydantic(kind):
        return []
    return list(typing.get_type_hints(kind, include_extras=True).values())


def _is_pydantic(part: Any) -> bool:
    bases = part.__mro__ if isinstance(part, type) else type(part).__mro__
    return any(base.__module__.partition(".")[0] in PYDANTIC_PACKAGES for base in bases) or (
        isinstance(part, type) and hasattr(part, "__get_pydantic_core_schema__")
    )


def _is_field(value: Any) -> bool:
    return type(value).__module__.startswith("pydantic.") and type(value).__name__ == "FieldInfo"


def _pydantic_types() -> Any:
    return importlib.import_module("agentd.llm.pydantic_types")


def _plain_schema(annotation: Any) -> Schema:
    try:
        return msgspec.json.schema(annotation)
    except TypeError as error:
        # Its last line names the type; those before it advise users of msgspec.
        raise TypeError(str(error).splitlines()[-1]) from error


def _plain_text(annotation: Any) -> str:
    """A description that is a mere str: `Annotated[int, "how many"]`."""
    texts = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, str)]
    return texts[0] if texts else ""


def _with_choices(message: str, schema: Schema) -> str:
    choices = schema.get("enum")
    return f"{message}, must be one of {choices}" if choices else message
