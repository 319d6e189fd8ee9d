"""What the mock's language models say: replies by what was said to them, or one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from agentd.testing.fake_llm import PIECE, FakeCall, FakeReply

from .faults import HttpFault, HttpFaultKind

UNUSED = frozenset({HttpFaultKind.STATUS, HttpFaultKind.WRONG_TYPE, HttpFaultKind.EMPTY})
"""Faults of requests that use up no reply."""


class RawReply(Struct, frozen=True):
    """Events of a stream as they are: what a service sends that no helper here would."""

    events: tuple[dict[str, Any] | bytes, ...]
    """A dict is sent as JSON in an event, bytes as they are."""
    done: bool = True
    """Whether `[DONE]` follows, in endpoints whose streams end with it."""


class Refusal(Struct, frozen=True):
    """The model says that it won't."""

    text: str


class CutOff(Struct, frozen=True):
    """A reply that ends before it is whole."""

    text: str
    why: str = "length"
    """The finish reason: `length` or `content_filter`."""


Scripted: TypeAlias = str | FakeCall | FakeReply | RawReply | Refusal | CutOff


class Script:
    """Chooses a reply: `by_input` for the last thing said, else the next of `replies`, else
    `default`."""

    def __init__(self) -> None:
        self.by_input: dict[str, Scripted] = {}
        self.replies: list[Scripted] = []
        self.default: Scripted = "The mock has heard you."
        self._calls = 0

    def set(
        self,
        replies: Iterable[Scripted] = (),
        *,
        by_input: Mapping[str, Scripted] | None = None,
        default: Scripted | None = None,
    ) -> None:
        """Replace it."""
        self.replies = list(replies)
        self.by_input = dict(by_input or {})
        self.default = self.default if default is None else default

    def choose(self, said: str | None, fault: HttpFault | None) -> FakeReply | RawReply:
        """The reply to what was said; a request that is refused uses up none."""
        if fault is not None and fault.kind in UNUSED:
            return FakeReply()
        found = self.by_input.get(said) if said is not None else None
        if found is None:
            found = self.replies.pop(0) if self.replies else self.default
        return found if isinstance(found, RawReply) else self._named(_whole(found))

    def _named(self, reply: FakeReply) -> FakeReply:
        """With an id for each call that has none."""
        calls = []
        for call in reply.calls:
            self._calls += 1
            name = call.call_id or f"call_{self._calls}"
            calls.append(msgspec.structs.replace(call, call_id=name))
        return msgspec.structs.replace(reply, calls=tuple(calls))


class _Ended(FakeReply, frozen=True, kw_only=True):
    """With how it ends, where that is not well."""

    refusal: str = ""
    cut_off: str = ""


def refusal_of(reply: FakeReply) -> str:
    """What it refuses with; empty where it does not."""
    return reply.refusal if isinstance(reply, _Ended) else ""


def cut_off_by(reply: FakeReply) -> str:
    """Why it ends early; empty where it does not."""
    return reply.cut_off if isinstance(reply, _Ended) else ""


def words_of(text: str) -> list[str]:
    """A text as it is streamed."""
    return PIECE.findall(text)


def arguments_of(call: FakeCall) -> str:
    """The JSON text of a call's arguments."""
    arguments = call.arguments
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()


def fragments(text: str, count: int = 3) -> list[str]:
    """A text cut into pieces as a model streams them: never in one."""
    size = max(1, -(-len(text) // count))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _whole(scripted: str | FakeCall | FakeReply | Refusal | CutOff) -> FakeReply:
    match scripted:
        case str():
            return FakeReply(text=scripted)
        case FakeCall():
            return FakeReply(calls=(scripted,))
        case Refusal():
            return _Ended(refusal=scripted.text)
        case CutOff():
            return _Ended(text=scripted.text, cut_off=scripted.why)
        case FakeReply():
            return scripted
