"""What the model is told of a conversation, and what is left out to fit. Pure.

It knows three roles, and no calls of tools, sounds or pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from agentd.llm import (
    AudioContent,
    ChatContent,
    ChatItem,
    ChatMessage,
    FunctionCallOutput,
    ImageContent,
)

HELLO = "Hello!"
"""Said for a user who has said nothing yet, since the model answers and does not begin."""
BYTES_A_TOKEN = 3.0
"""Of text, counted low: it is 4 in English."""
FRAME_TOKENS = 6
"""Around each message, for its role."""


class Message(Struct, frozen=True):
    """One, as the model's chat template takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Fitted(Struct, frozen=True, kw_only=True):
    """A conversation that fits."""

    messages: list[Message]
    tokens: float
    """As they are estimated."""
    dropped: int
    """Messages that were left out."""


def messages_of(items: Sequence[ChatItem]) -> list[Message]:
    """The messages; of a tool only what it answered, as a note."""
    found = [_message(item) for item in items]
    messages = [message for message in found if message is not None and message.content]
    if not any(message.role == "user" for message in messages):
        messages.append(Message("user", HELLO))
    return messages


def fitted(messages: Sequence[Message], budget: float, *, scale: float = 1.0) -> Fitted:
    """What of them fits into so many tokens: old turns are left out, half of the room at once.

    So the beginning stays the same for many turns, which the model need not read again. The
    instructions at the beginning and all from the user's last words on are always there.
    `scale` corrects the estimate.
    """
    head = next((at for at, one in enumerate(messages) if one.role != "system"), len(messages))
    last = max((at for at, one in enumerate(messages) if one.role == "user"), default=head)
    costs = [_tokens(message) * scale for message in messages]
    room = max(budget - sum(costs[:head]), 1.0)
    cut = _cut(costs[head:], room) + head
    while cut < last and messages[cut].role == "assistant":
        cut += 1  # an answer without its question
    cut = min(cut, last)
    return Fitted(
        messages=[*messages[:head], *messages[cut:]],
        tokens=sum(costs[:head]) + sum(costs[cut:]),
        dropped=cut - head,
    )


def _cut(costs: Sequence[float], room: float) -> int:
    """How many of the first are left out."""
    over = sum(costs) - room
    if over <= 0:
        return 0
    step = room / 2
    wanted = math.ceil(over / step) * step
    left_out = 0.0
    for at, cost in enumerate(costs):
        if left_out >= wanted:
            return at
        left_out += cost
    return len(costs)


def _tokens(message: Message) -> float:
    return len(message.content.encode()) / BYTES_A_TOKEN + FRAME_TOKENS


def _message(item: ChatItem) -> Message | None:
    match item:
        case ChatMessage():
            role = "system" if item.role == "developer" else item.role
            return Message(role, _plain("\n".join(map(_text, item.content))))
        case FunctionCallOutput():
            return Message("system", _plain(f"The answer of {item.name}: {item.output}"))
        case _:
            return None


def _text(content: ChatContent) -> str:
    match content:
        case AudioContent():
            return content.transcript or ""
        case ImageContent():
            return ""
        case _:
            return str(content)


def _plain(text: str) -> str:
    """Text that is nothing but text: no half characters, and no marks of the chat template.

    With those a user could end his message and begin the instructions anew.
    """
    return text.encode("utf-8", "replace").decode().replace("<|", "< |").strip()
