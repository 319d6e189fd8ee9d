"""Events of the realtime API, made and checked by the SDK's own types.

An event that the SDK has renamed, or a field that it does not know (any more), is an error here
and so in every test that uses the mock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

import msgspec
from openai import BaseModel
from openai.types.realtime import RealtimeClientEvent
from pydantic import ValidationError

from agentd.ids import shortuuid

EventT = TypeVar("EventT", bound=BaseModel)

CLIENT_EVENTS: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(RealtimeClientEvent)[0])
}
"""What a client may send, by the name of its type."""


class WireError(Exception):
    """What the client asked is refused; becomes an event `error`."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_value",
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.kind = kind


def decode(text: str | bytes) -> Any:
    """What a client has sent; raises WireError for what is no JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise WireError(f"this is no JSON: {error}", code="invalid_json") from error


def parse(raw: Any) -> Any:
    """The same as the SDK's type; raises WireError for what is no event."""
    kind = CLIENT_EVENTS.get(raw.get("type", "") if isinstance(raw, dict) else "")
    if kind is None:
        raise WireError(f"there is no event of this type: {raw!r:.80}", param="type")
    try:
        event = kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise WireError(first["msg"], param=".".join(str(part) for part in first["loc"])) from error
    for name in unknown_fields(event):
        raise WireError(f"unknown parameter: '{name}'", code="unknown_parameter", param=name)
    return event


def make(kind: type[EventT], **fields: Any) -> EventT:
    """An event that the server sends. Raises AssertionError for a field that it has not."""
    name = get_args(kind.model_fields["type"].annotation)[0]
    event = kind.model_validate({"type": name, "event_id": shortuuid("event_")} | fields)
    unknown = list(unknown_fields(event))
    assert not unknown, f"{kind.__name__} has no {unknown}"
    return event


def to_json(event: BaseModel) -> str:
    """As it goes over the wire."""
    return event.model_dump_json(exclude_unset=True)


def unknown_fields(value: Any, path: str = "") -> Iterator[str]:
    """Fields that the SDK's types do not name, however deep."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from unknown_fields(one, f"{path}[{number}]")
    if not isinstance(value, BaseModel):
        return
    for name in value.model_extra or ():
        yield f"{path}.{name}".strip(".")
    for name in type(value).model_fields:
        yield from unknown_fields(getattr(value, name), f"{path}.{name}".strip("."))
