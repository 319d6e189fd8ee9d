"""What the service remembers of a conversation, so that only what is new is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from agentd.llm import FunctionToolCall

Item: TypeAlias = dict[str, Any]


class Remembered(Struct, frozen=True, kw_only=True):
    """A response that the service has kept, and the conversation up to its end."""

    response_id: str
    items: list[Item]

    def rest(self, items: Sequence[Item]) -> list[Item] | None:
        """What is new of a conversation; None where it is another, or nothing is new.

        It is another where a reply was interrupted: the service knows all that was written, and
        the agent what was heard.
        """
        known = len(self.items)
        if len(items) <= known or not all(map(_same, items, self.items)):
            return None
        return list(items[known:])


def remember(
    response_id: str, sent: Sequence[Item], *, text: str, calls: Sequence[FunctionToolCall]
) -> Remembered:
    """The conversation after a reply, as the next request will tell it."""
    said: list[Item] = [{"role": "assistant", "content": text}] if text.strip() else []
    called = [
        {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments or "{}",
        }
        for call in calls
    ]
    return Remembered(response_id=response_id, items=[*sent, *said, *called])


def _same(one: Item, other: Item) -> bool:
    return _without_edges(one) == _without_edges(other)


def _without_edges(item: Item) -> Item:
    """White space around what was said is nobody's."""
    content = item.get("content")
    return {**item, "content": content.strip()} if isinstance(content, str) else item
