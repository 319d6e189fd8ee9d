"""A conversation as OpenAI's chat API takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .items import ChatItem


def to_messages(
    items: Sequence[ChatItem], *, dummy_user_message: bool = True
) -> list[dict[str, Any]]:
    """The messages of a request."""
    raise NotImplementedError
