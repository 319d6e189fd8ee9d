"""The conversation so far, as a model is told it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, NoReturn, SupportsIndex

import msgspec

from agentd.given import NOT_GIVEN, NotGivenOr, is_given, only_given

from .items import (
    AgentConfigUpdate,
    AgentHandoff,
    AudioContent,
    ChatContent,
    ChatItem,
    ChatMessage,
    ChatRole,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    MetricsReport,
)
from .openai_format import to_messages
from .tools import ToolLike, tool_names

INSTRUCTION_ROLES = ("system", "developer")

Keep = Callable[[ChatItem], bool]


class _Document(msgspec.Struct):
    items: list[ChatItem]


class ChatContext:
    """Items in the order in which they happened. Belongs to one event loop."""

    def __init__(self, items: NotGivenOr[Iterable[ChatItem]] = NOT_GIVEN) -> None:
        self._items: list[ChatItem] = list(items) if is_given(items) else []

    @classmethod
    def empty(cls) -> ChatContext:
        """One without items."""
        return cls()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ChatContext:
        """What `to_dict` made; raises ValueError for anything else."""
        return cls(msgspec.convert(data, _Document).items)

    @property
    def items(self) -> list[ChatItem]:
        """The items; the list may be changed."""
        return self._items

    @items.setter
    def items(self, items: Iterable[ChatItem]) -> None:
        self._items = list(items)

    @property
    def readonly(self) -> bool:
        """Whether changing it raises RuntimeError."""
        return False

    def messages(self) -> list[ChatMessage]:
        """What was said, without calls and changes of agent."""
        return [item for item in self._items if isinstance(item, ChatMessage)]

    def get_by_id(self, item_id: str) -> ChatItem | None:
        """The item of this id, if there is one."""
        return next((item for item in self._items if item.id == item_id), None)

    def index_by_id(self, item_id: str) -> int | None:
        """Where the item of this id is."""
        return next((at for at, item in enumerate(self._items) if item.id == item_id), None)

    def find_insertion_index(self, *, created_at: float) -> int:
        """Where an item of this wall time belongs: after those of the same or an earlier one."""
        for at in range(len(self._items), 0, -1):
            if self._items[at - 1].created_at <= created_at:
                return at
        return 0

    def add_message(
        self,
        *,
        role: ChatRole,
        content: list[ChatContent] | str,
        id: NotGivenOr[str] = NOT_GIVEN,
        interrupted: NotGivenOr[bool] = NOT_GIVEN,
        created_at: NotGivenOr[float] = NOT_GIVEN,
        metrics: NotGivenOr[MetricsReport] = NOT_GIVEN,
        extra: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> ChatMessage:
        """Add a message: at the end, or where its `created_at` belongs if that is given."""
        given = only_given(
            id=id, interrupted=interrupted, created_at=created_at, metrics=metrics, extra=extra
        )
        parts: list[ChatContent] = [content] if isinstance(content, str) else content
        message = ChatMessage(role=role, content=parts, **given)
        if is_given(created_at):
            self.insert(message)
        else:
            self._items.append(message)
        return message

    def insert(self, item: ChatItem | Sequence[ChatItem]) -> None:
        """Put items where they belong by `created_at`."""
        for one in item if isinstance(item, Sequence) else [item]:
            self._items.insert(self.find_insertion_index(created_at=one.created_at), one)

    def upsert(self, item: ChatItem) -> None:
        """Put an item in place of the one with its id, or where it belongs."""
        at = self.index_by_id(item.id)
        if at is None:
            self.insert(item)
        else:
            self._items[at] = item

    def remove(self, item: ChatItem | str) -> None:
        """Take an item out, by itself or by its id; raises ValueError if it is not here."""
        item_id = item if isinstance(item, str) else item.id
        at = self.index_by_id(item_id)
        if at is None:
            raise ValueError(f"there is no item '{item_id}' in this chat context")
        del self._items[at]

    def copy(
        self,
        *,
        exclude_function_call: bool = False,
        exclude_instructions: bool = False,
        exclude_empty_message: bool = False,
        exclude_handoff: bool = False,
        exclude_config_update: bool = False,
        tools: NotGivenOr[Sequence[ToolLike | str]] = NOT_GIVEN,
    ) -> ChatContext:
        """Another context of the same items, without some kinds of them.

        With `tools` only the calls of these tools are kept, and their outputs.
        """
        drop = [
            (exclude_function_call, _is_call),
            (exclude_instructions, _is_instruction),
            (exclude_empty_message, _is_empty_message),
            (exclude_handoff, _is_handoff),
            (exclude_config_update, _is_config_update),
            (is_given(tools), _is_call_of_other(tool_names(tools) if is_given(tools) else ())),
        ]
        rules = [rule for wanted, rule in drop if wanted]
        return ChatContext(item for item in self._items if not any(rule(item) for rule in rules))

    def truncate(self, *, max_items: int) -> ChatContext:
        """Keep the last items, and the first instruction beside them; returns itself.

        What is kept does not begin with calls, and has no output without its call.
        """
        if max_items < 0:
            raise ValueError(f"max_items must not be negative, but is {max_items}")
        if len(self._items) > max_items:
            self._items[:] = _last_items(self._items, max_items)
        return self

    def merge(
        self,
        other_chat_ctx: ChatContext,
        *,
        exclude_function_call: bool = False,
        exclude_instructions: bool = False,
        exclude_config_update: bool = False,
    ) -> ChatContext:
        """Put in what another context has and this one has not, by id; returns itself."""
        known = {item.id for item in self._items}
        theirs = other_chat_ctx.copy(
            exclude_function_call=exclude_function_call,
            exclude_instructions=exclude_instructions,
            exclude_config_update=exclude_config_update,
        )
        self.insert([item for item in theirs.items if item.id not in known])
        return self

    def is_equivalent(self, other: ChatContext) -> bool:
        """Whether a model would be told the same: ids, words, calls, outputs and agents."""
        return len(self._items) == len(other.items) and all(
            _essence(ours) == _essence(theirs)
            for ours, theirs in zip(self._items, other.items, strict=True)
        )

    def to_dict(
        self,
        *,
        exclude_image: bool = True,
        exclude_audio: bool = True,
        exclude_timestamp: bool = True,
        exclude_function_call: bool = False,
        exclude_metrics: bool = False,
        exclude_config_update: bool = False,
    ) -> dict[str, Any]:
        """The items as JSON's types, under `items`; `from_dict` makes a context of it again."""
        chosen = self.copy(
            exclude_function_call=exclude_function_call,
            exclude_config_update=exclude_config_update,
        )
        left_out = {"created_at": exclude_timestamp, "metrics": exclude_metrics}
        no_content = {"image_content": exclude_image, "audio_content": exclude_audio}
        return {"items": [_as_dict(item, left_out, no_content) for item in chosen.items]}

    def to_provider_format(
        self,
        format: Literal["openai"] | str,
        *,
        inject_dummy_user_message: bool = True,
        **kwargs: Any,
    ) -> tuple[list[dict[str, Any]], Any]:
        """The messages as a provider's API takes them, and what else it needs (for openai None).

        Raises ValueError for a format that agentd does not know.
        """
        if format != "openai":
            raise ValueError(f"'{format}' is no known format: openai is")
        messages = to_messages(self._items, dummy_user_message=inject_dummy_user_message, **kwargs)
        return messages, None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"


class ReadOnlyChatContext(ChatContext):
    """A view of another context: it shows what changes there, and raises RuntimeError on change."""

    def __init__(self, source: ChatContext) -> None:
        self._source = source

    @property
    def _items(self) -> list[ChatItem]:  # type: ignore[override]  # a view has no list of its own
        return _ReadOnlyItems(self._source.items)

    @property
    def items(self) -> list[ChatItem]:
        """A copy of the items that can't be changed."""
        return self._items

    @items.setter
    def items(self, items: Iterable[ChatItem]) -> None:
        _refuse()

    @property
    def readonly(self) -> bool:
        """Yes."""
        return True


class _ReadOnlyItems(list[ChatItem]):
    """Items that stay as they are."""

    def append(self, item: ChatItem, /) -> NoReturn:
        _refuse()

    def extend(self, items: Iterable[ChatItem], /) -> NoReturn:
        _refuse()

    def insert(self, index: SupportsIndex, item: ChatItem, /) -> NoReturn:
        _refuse()

    def remove(self, item: ChatItem, /) -> NoReturn:
        _refuse()

    def pop(self, index: SupportsIndex = -1, /) -> NoReturn:
        _refuse()

    def clear(self) -> NoReturn:
        _refuse()

    def sort(self, **kwargs: Any) -> NoReturn:
        _refuse()

    def reverse(self) -> NoReturn:
        _refuse()

    def __setitem__(self, index: Any, item: Any, /) -> NoReturn:
        _refuse()

    def __delitem__(self, index: Any, /) -> NoReturn:
        _refuse()

    def __iadd__(self, items: Iterable[ChatItem], /) -> NoReturn:  # type: ignore[misc, override]  # it refuses
        _refuse()


def _refuse() -> NoReturn:
    raise RuntimeError(
        "this chat context is read-only: change a copy() of it, and give that to "
        "update_chat_ctx() of the agent"
    )


def _is_call(item: ChatItem) -> bool:
    return isinstance(item, FunctionCall | FunctionCallOutput)


def _is_instruction(item: ChatItem) -> bool:
    return isinstance(item, ChatMessage) and item.role in INSTRUCTION_ROLES


def _is_empty_message(item: ChatItem) -> bool:
    return isinstance(item, ChatMessage) and not any(item.content)


def _is_handoff(item: ChatItem) -> bool:
    return isinstance(item, AgentHandoff)


def _is_config_update(item: ChatItem) -> bool:
    return isinstance(item, AgentConfigUpdate)


def _is_call_of_other(names: Collection[str]) -> Keep:
    return lambda item: (
        isinstance(item, FunctionCall | FunctionCallOutput) and item.name not in names
    )


def _last_items(items: list[ChatItem], count: int) -> list[ChatItem]:
    kept = items[len(items) - count :]
    while kept and _is_call(kept[0]):
        kept.pop(0)
    calls = {item.call_id for item in kept if isinstance(item, FunctionCall)}
    kept = [
        item for item in kept if not isinstance(item, FunctionCallOutput) or item.call_id in calls
    ]
    first = next((item for item in items if _is_instruction(item)), None)
    if first is not None and not any(item is first for item in kept):
        kept.insert(0, first)
    return kept


def _essence(item: ChatItem) -> tuple[object, ...]:
    """Of an item what matters to a model, comparable."""
    match item:
        case ChatMessage():
            return (item.type, item.id, item.role, item.interrupted, item.content)
        case FunctionCall():
            return (item.type, item.id, item.name, item.call_id, item.arguments)
        case FunctionCallOutput():
            return (item.type, item.id, item.name, item.call_id, item.output, item.is_error)
        case AgentHandoff():
            return (item.type, item.id, item.old_agent_id, item.new_agent_id)
        case AgentConfigUpdate():
            return (item.type, item.id, item.instructions, item.tools_added, item.tools_removed)


def _as_dict(
    item: ChatItem, left_out: dict[str, bool], no_content: dict[str, bool]
) -> dict[str, Any]:
    if isinstance(item, ChatMessage):
        parts = [
            part
            for part in item.content
            if not isinstance(part, ImageContent | AudioContent) or not no_content[part.type]
        ]
        item = msgspec.structs.replace(item, content=parts)
    made: dict[str, Any] = msgspec.to_builtins(item)
    return {
        name: value for name, value in made.items() if value is not None and not left_out.get(name)
    }
