"""The service's conversation as far as it is known here: order, words, and what was heard. Pure.

It is what another connection is told, and what the agent's history is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from agentd.llm.items import ChatItem

from .items import Key, picture_message, text_message, wire_items, wire_key
from .wire import ROOT

MAX_PICTURES = 4
"""Of the user's camera that the model sees at a time; older ones are taken out, since each is paid
for anew with every response."""


class Entry(Struct, kw_only=True):
    """One item."""

    id: str
    key: Key
    wire: dict[str, Any]
    """What another connection is told of it; without content, nothing."""
    sounds: bool = False
    """Whether the service has it as audio, on the present connection."""
    audio_seconds: float = 0.0
    """Of the assistant's audio that came."""
    told: dict[str, Any] | None = None
    """What the agent's history said of it last."""
    fresh: bool = False
    """The service has made it, and the agent may not have had the time to know of it."""

    @property
    def is_empty(self) -> bool:
        """Whether there are no words of it (yet)."""
        return self.wire["type"] == "message" and not self.wire["content"]

    @property
    def role(self) -> str:
        return str(self.wire.get("role", ""))


class Create(Struct, frozen=True):
    """Put an item after another; at the end where that is None."""

    item: dict[str, Any]
    previous_item_id: str | None = None


class Delete(Struct, frozen=True):
    """Take an item out."""

    item_id: str


Change: TypeAlias = Create | Delete


class Conversation:
    """Entries in the service's order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._pictures: list[str] = []

    def get(self, item_id: str) -> Entry | None:
        """The item of this id."""
        return next((entry for entry in self.entries if entry.id == item_id), None)

    # -- what the service tells ------------------------------------------------------------

    def added(self, item_id: str, wire: dict[str, Any], previous_item_id: str | None) -> bool:
        """The service has an item; says whether it is new here."""
        if self.get(item_id) is not None:
            return False
        entry = Entry(id=item_id, key=wire_key(wire), wire=wire, fresh=True, sounds=True)
        self._insert(entry, previous_item_id)
        return True

    def call_completed(self, item_id: str, *, name: str, call_id: str, arguments: str) -> None:
        """The model has called a tool."""
        entry = self.get(item_id)
        if entry is not None:
            entry.key = ("function_call", call_id)
            entry.wire |= {"name": name, "call_id": call_id, "arguments": arguments}

    def said(self, item_id: str, text: str) -> None:
        """What is known of a message's words."""
        entry = self.get(item_id)
        if entry is not None:
            entry.wire = text_message(item_id, entry.role, text)
            if not text:
                entry.wire["content"] = []

    def heard(self, item_id: str, seconds: float, transcript: str | None) -> None:
        """Of a message's audio only so much was heard; its words are guessed unless they are known.

        What still comes of it is of no interest.
        """
        entry = self.get(item_id)
        if entry is None:
            return
        content = entry.wire["content"]
        text = str(content[0]["text"]) if content else ""
        if transcript is None:
            share = seconds / entry.audio_seconds if entry.audio_seconds else 0.0
            transcript = text[: round(share * len(text))]
        self.said(item_id, transcript)
        entry.sounds = False

    def deleted(self, item_id: str) -> None:
        """It is gone."""
        self.entries = [entry for entry in self.entries if entry.id != item_id]

    def settle(self) -> None:
        """Another response begins: what was before it is known to the agent."""
        for entry in self.entries:
            entry.fresh = entry.fresh and entry.is_empty and entry.role == "user"

    # -- what is asked for -----------------------------------------------------------------

    def show(self, item_id: str, url: str) -> list[Change]:
        """The user shows a picture."""
        self._pictures.append(item_id)
        changes: list[Change] = [Create(picture_message(item_id, url))]
        while len(self._pictures) > MAX_PICTURES:
            changes.append(Delete(self._pictures.pop(0)))
        return self._apply(changes)

    def follow(self, items: Sequence[ChatItem]) -> list[Change]:
        """Make it what the agent's history is, and say how.

        What both have stays where it is: the service heard it, and where the histories differ in
        order (a transcript comes after the answer to it), the service's is that in which things
        were said. What the agent can't know yet stays, too.
        """
        wanted = wire_items(items)
        keys = {key for key, _ in wanted}
        changes: list[Change] = [
            Delete(entry.id)
            for entry in self.entries
            if entry.key not in keys and not entry.fresh and entry.id not in self._pictures
        ]
        known = {entry.key: entry for entry in self.entries}
        last_known = max((at for at, (key, _) in enumerate(wanted) if key in known), default=-1)
        previous: str | None = ROOT
        for at, (key, wire) in enumerate(wanted):
            entry = known.get(key)
            if entry is not None and entry.told in (None, wire):
                entry.told = wire
                previous = entry.id
                continue
            if entry is not None:
                changes.append(Delete(entry.id))
            changes.append(Create(wire, previous if at <= last_known else None))
            previous = wire["id"]
        return self._apply(changes)

    def cut(self, item_id: str, heard: str) -> list[Change]:
        """Of a message that is no audio (any more) only so much was heard: say it anew."""
        entry = self.get(item_id)
        if entry is None or entry.wire == text_message(item_id, "assistant", heard):
            return []
        at = self.entries.index(entry)
        previous = self.entries[at - 1].id if at else ROOT
        changes: list[Change] = [Delete(item_id)]
        if heard:
            changes.append(Create(text_message(item_id, "assistant", heard), previous))
        return self._apply(changes)

    # -- another connection ----------------------------------------------------------------

    def restored(self) -> list[dict[str, Any]]:
        """What a new connection is told, in order."""
        return [dict(entry.wire) for entry in self.entries if not entry.is_empty]

    def moved(self) -> None:
        """It is on another connection now, as text."""
        self.entries = [entry for entry in self.entries if not entry.is_empty]
        for entry in self.entries:
            entry.sounds, entry.audio_seconds = False, 0.0

    def since(self, told: Sequence[dict[str, Any]]) -> list[Change]:
        """What has changed since a connection was told a conversation; pure."""
        wanted = {wire["id"]: wire for wire in self.restored()}
        before = {wire["id"]: wire for wire in told}
        changes: list[Change] = [
            Delete(item_id) for item_id, wire in before.items() if wanted.get(item_id) != wire
        ]
        previous = ROOT
        for item_id, wire in wanted.items():
            if before.get(item_id) != wire:
                changes.append(Create(wire, previous))
            previous = item_id
        return changes

    # -- inside ----------------------------------------------------------------------------

    def _apply(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            if isinstance(change, Delete):
                self.deleted(change.item_id)
            else:
                item = change.item
                entry = Entry(id=item["id"], key=wire_key(item), wire=item, told=item)
                self._insert(entry, change.previous_item_id)
        return changes

    def _insert(self, entry: Entry, previous_item_id: str | None) -> None:
        if previous_item_id == ROOT:
            self.entries.insert(0, entry)
            return
        places = [at for at, known in enumerate(self.entries) if known.id == previous_item_id]
        self.entries.insert(places[0] + 1 if places else len(self.entries), entry)
