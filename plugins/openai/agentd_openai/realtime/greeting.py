"""What a new connection is told first: the session's settings, and the conversation so far."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemCreatedEvent,
    RealtimeErrorEvent,
    SessionUpdatedEvent,
)

from agentd.aio.tasks import TaskOwner
from agentd.errors import APIConnectionError

from .connection import Connection
from .items import as_param
from .wire import ClientEvent, as_error, create_item, session_update

logger = logging.getLogger("agentd.openai")

CONFIGURED = "session"
"""Stands for the settings among what is expected; the rest are ids of items."""


async def greet(
    connection: Connection, settings: Any, items: Sequence[dict[str, Any]], *, label: str
) -> None:
    """Tell it all, and wait until all is confirmed.

    An item that the service refuses is left out, which the log tells. Raises APIError for what is
    wrong with the settings or the connection.
    """
    update = session_update(settings)
    creates = [create_item(as_param(item)) for item in items]
    expected = {CONFIGURED, *(item["id"] for item in items)}
    by_event = {
        create.get("event_id", ""): item["id"] for create, item in zip(creates, items, strict=True)
    }
    async with TaskOwner("realtime greeting") as owner:
        # Side by side: neither end reads while it waits for the other to do so.
        owner.start(_send_all(connection, [update, *creates]), name="tell")
        while expected:
            match await connection.receive():
                case SessionUpdatedEvent():
                    expected.discard(CONFIGURED)
                case ConversationItemAdded(item=item) | ConversationItemCreatedEvent(item=item):
                    expected.discard(getattr(item, "id", None) or "")
                case RealtimeErrorEvent(error=error):
                    item_id = by_event.get(error.event_id or "")
                    if item_id is None:
                        raise as_error(error, label)
                    expected.discard(item_id)
                    _tell_left_out(item_id, error.message)


async def _send_all(connection: Connection, events: Sequence[ClientEvent]) -> None:
    try:
        for event in events:
            await connection.send(event)
    except APIConnectionError:
        return  # who reads hears of it, too, and tells why


def _tell_left_out(item_id: str, why: str) -> None:
    logger.warning(
        "an item of the conversation could not be restored",
        extra={"action": "realtime_item_not_restored", "item": item_id, "error": why},
    )
