"""The conversation as the service keeps it: items in their order, and how long they sound."""

from __future__ import annotations

from typing import Any, TypeAlias

from agentd.ids import shortuuid

from .realtime_wire import WireError

Item: TypeAlias = dict[str, Any]

ROOT = "root"
"""Stands for what is before the first item."""
MAX_ID = 32
"""Characters."""


class RealtimeConversation:
    """Items by position. Raises WireError for what the service refuses."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.audio_ms: dict[str, int] = {}
        """How long the audio of a message is, where it has any."""

    @property
    def last_id(self) -> str | None:
        """Of the item at the end."""
        return self.items[-1]["id"] if self.items else None

    def item(self, item_id: str) -> Item:
        """The item of this id."""
        return self.items[self._index(item_id)]

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Put an item after another, or at the end; gives the id of the one before it."""
        item.setdefault("id", shortuuid("item_"))
        self._check(item)
        at = len(self.items)
        if previous_item_id is not None:
            at = 0 if previous_item_id == ROOT else self._index(previous_item_id) + 1
        self.items.insert(at, item | {"object": "realtime.item", "status": "completed"})
        return self.items[at - 1]["id"] if at else None

    def delete(self, item_id: str) -> None:
        """Take an item out."""
        del self.items[self._index(item_id)]

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Forget the end of a message; its text goes with it."""
        item = self.item(item_id)
        have = self.audio_ms.get(item_id)
        if item.get("role") != "assistant" or have is None:
            raise WireError("only the audio of the assistant can be truncated", param="item_id")
        if audio_end_ms > have:
            raise WireError(
                f"audio content of {have} ms is already shorter than {audio_end_ms} ms",
                param="audio_end_ms",
            )
        self.audio_ms[item_id] = audio_end_ms
        item["content"] = [{"type": "output_audio"}]

    def words(self) -> list[str]:
        """What is said in it, a line each, for tests."""
        return [_words(item) for item in self.items]

    def _index(self, item_id: str) -> int:
        for at, item in enumerate(self.items):
            if item["id"] == item_id:
                return at
        raise WireError(f"there is no item '{item_id}'", code="item_not_found", param="item_id")

    def _check(self, item: Item) -> None:
        if len(item["id"]) > MAX_ID:
            raise WireError(f"an id has at most {MAX_ID} characters", param="item.id")
        if any(known["id"] == item["id"] for known in self.items):
            raise WireError(
                f"there is an item '{item['id']}'", code="item_already_exists", param="item.id"
            )
        if item["type"] == "function_call_output" and not any(
            known.get("call_id") == item["call_id"] for known in self.items
        ):
            raise WireError("there is no such call", code="invalid_tool_call_id", param="call_id")
        wanted = _PARTS.get(item.get("role", ""), ())
        for part in item.get("content", ()):
            if part["type"] not in wanted:
                raise WireError(
                    f"content of the type '{part['type']}' is not for the {item['role']}",
                    param="item.content",
                )


_PARTS = {
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
    "system": ("input_text",),
}


def _words(item: Item) -> str:
    if item["type"] == "function_call":
        return f"call: {item['name']}({item['arguments']})"
    if item["type"] == "function_call_output":
        return f"output: {item['output']}"
    parts = [_part(part) for part in item.get("content", ())]
    return f"{item['role']}: {' '.join(part for part in parts if part)}"


def _part(part: Item) -> str:
    if part["type"] == "input_image":
        return "(image)"
    return str(part.get("text") or part.get("transcript") or "")
