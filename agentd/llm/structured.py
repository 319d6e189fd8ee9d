"""Replies that are data: a type as OpenAI's response format, and the reply as a value of it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from agentd.errors import APIError, ToolSchemaError

from .argtypes import argument_type
from .schema import drop_nulls, make_strict

T = TypeVar("T")

NO_NAME_LETTER = re.compile(r"[^A-Za-z0-9_-]")
MAX_NAME_CHARS = 64
"""OpenAI's limit for the name of a format."""


def to_openai_response_format(response_format: type | dict[str, Any]) -> dict[str, Any]:
    """The `response_format` of a request.

    The type is a pydantic model, TypedDict, dataclass or msgspec Struct; a dict is returned as it
    is. Raises ToolSchemaError for a type that is no object or can't be described.
    """
    if isinstance(response_format, dict):
        return response_format
    schema = _schema(response_format)
    strict = make_strict(schema)
    described = {
        "name": NO_NAME_LETTER.sub("_", response_format.__name__)[:MAX_NAME_CHARS],
        "schema": schema if strict is None else strict,
        "strict": strict is not None,
    }
    return {"type": "json_schema", "json_schema": described}


def parse_response(text: str, response_format: type[T]) -> T:
    """The value that a reply of this format stands for; raises APIError where it is none."""
    kind = argument_type(response_format)
    try:
        made: T = kind.convert(drop_nulls(msgspec.json.decode(text), kind.schema()))
    except ValueError as error:  # also what msgspec raises for text that is no JSON
        raise APIError(f"the reply is no {response_format.__name__}: {error}", body=text) from error
    return made


def _schema(response_format: type) -> dict[str, Any]:
    try:
        schema = argument_type(response_format).schema()
    except (TypeError, ValueError) as error:
        raise ToolSchemaError(f"{response_format!r} can't be described: {error}") from error
    if schema.get("type") != "object" and "$ref" not in schema:
        raise ToolSchemaError(f"{response_format!r} is no object: use a class with fields")
    return schema
