"""What a conversation is to another process: a document with a version. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import MsgspecError, Raw, Struct, msgpack
from msgspec.structs import replace

from agentd.errors import StateError
from agentd.llm.clean_text import clean
from agentd.llm.items import (
    AudioContent,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
)

ItemT = TypeVar("ItemT", bound=ChatItem)

SESSION_VERSION = 1
"""A new field with a default needs no new version, a new meaning does."""


class AgentSnapshot(Struct, frozen=True, kw_only=True):
    """Who has the word."""

    id: str
    path: str
    """Its class, as `module:qualified.name`."""
    instructions: str = ""
    """As they were changed; empty where they can't be told as a text."""
    instructions_changed: bool = False
    """Whether they were changed in the conversation, not by the code that made the agent."""
    known: list[str] = []
    """Ids of the items of the history that it knows."""
    own: list[ChatItem] = []
    """Items that it knows and the history has not."""
    state: dict[str, Any] = {}
    """Its attributes, as far as they can be encoded."""


class SpeakingSnapshot(Struct, frozen=True, kw_only=True):
    """What was being said."""

    heard: str = ""
    rest: str = ""
    """What was known of it and had not been heard."""


class CallSnapshot(Struct, frozen=True, kw_only=True):
    """A call that is not in the history: the tool was at work, or others of its reply were."""

    call: FunctionCall
    output: FunctionCallOutput | None = None
    """Where it had ended."""
    ended: bool = False
    idempotent: bool = False


class SessionSnapshot(Struct, frozen=True, kw_only=True):
    """The document."""

    version: int = SESSION_VERSION
    taken_at: float = 0.0
    """Wall time."""
    history: list[ChatItem] = []
    agent: AgentSnapshot | None = None
    speaking: SpeakingSnapshot | None = None
    calls: list[CallSnapshot] = []
    userdata: Any = None
    has_userdata: bool = False


class RawSnapshot(Struct, frozen=True, kw_only=True):
    """The same document while it is written, with the parts that were encoded before."""

    version: int = SESSION_VERSION
    taken_at: float = 0.0
    history: list[Raw] = []
    agent: AgentSnapshot | None = None
    speaking: SpeakingSnapshot | None = None
    calls: list[CallSnapshot] = []
    userdata: Raw | None = None
    has_userdata: bool = False


class ItemEncoder:
    """Encodes each item of a history once: a long call is not encoded anew at each word."""

    def __init__(self) -> None:
        self._encoded: dict[str, Raw] = {}

    def encode(self, items: list[ChatItem]) -> list[Raw]:
        """The items in their order; those that were forgotten meanwhile are dropped."""
        encoded = {item.id: self._encoded.get(item.id) or _encode(item) for item in items}
        self._encoded = encoded
        return [encoded[item.id] for item in items]


def path_of(kind: type) -> str:
    """Where a class is found again."""
    return f"{kind.__module__}:{kind.__qualname__}"


def without_media(item: ChatItem) -> ChatItem:
    """An item without its pictures and sounds: a snapshot is to stay small."""
    if not isinstance(item, ChatMessage):
        return item
    kept = [part for part in item.content if not isinstance(part, ImageContent | AudioContent)]
    if len(kept) == len(item.content):
        return item
    return replace(item, content=[*kept] if kept else [""])


def _encode(item: ChatItem) -> Raw:
    return Raw(msgpack.encode(encodable(without_media(item))))


def encodable(item: ItemT) -> ItemT:
    """An item as it can be kept; mended where it can't be encoded.

    One odd item must not cost the whole conversation: what a node or a provider has put in that is
    no data is left out, halves of characters are replaced.
    """
    try:
        msgpack.encode(item)
    except Exception:  # noqa: BLE001 - users' and providers' values: msgspec asks their properties
        return _mended(item)
    return item


def _mended(item: ItemT) -> ItemT:
    match item:
        case ChatMessage():
            content = [clean(part) if isinstance(part, str) else part for part in item.content]
            return replace(item, content=content, extra={}, metrics={})
        case FunctionCall():
            return replace(item, name=clean(item.name), arguments=clean(item.arguments), extra={})
        case FunctionCallOutput():
            return replace(item, name=clean(item.name), output=clean(item.output))
        case _:
            return item


def decode(data: bytes) -> SessionSnapshot:
    """The document of some bytes; raises StateError for any other."""
    try:
        snapshot = msgpack.decode(data, type=SessionSnapshot)
    except (MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise StateError(f"it can't be read: {error}") from error
    if snapshot.version != SESSION_VERSION:
        raise StateError(f"its version is {snapshot.version}, known is {SESSION_VERSION}")
    return snapshot
