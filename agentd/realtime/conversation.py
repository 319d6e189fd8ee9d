"""What another model has to be told of a conversation that it takes over. Pure."""

from __future__ import annotations

from agentd.llm.chat import ChatContext
from agentd.llm.items import ChatMessage


class Conversation:
    """What the agent has told its model, and what was said since then.

    The agent tells its model the history now and then; between, both sides speak, and the one who
    takes over must know that too. Messages have the model's ids, as the agent's history has them.
    """

    def __init__(self) -> None:
        self._told = ChatContext.empty()
        self._since: dict[str, ChatMessage] = {}

    def tell(self, chat_ctx: ChatContext) -> None:
        """The agent's history, which is the truth: what it has is not added again."""
        self._told = chat_ctx.copy()
        self._since = {
            item_id: message
            for item_id, message in self._since.items()
            if chat_ctx.get_by_id(item_id) is None
        }

    def heard(self, item_id: str, text: str) -> None:
        """What the user has said."""
        if text:
            self._since[item_id] = ChatMessage(id=item_id, role="user", content=[text])

    def said(self, message_id: str, text: str) -> None:
        """The next piece of what the model says."""
        message = self._since.get(message_id)
        before = message.text_content or "" if message is not None else ""
        self._since[message_id] = ChatMessage(
            id=message_id, role="assistant", content=[before + text]
        )

    def cut(self, message_id: str, heard: str) -> None:
        """A message was heard this far only, if at all."""
        if not heard:
            self._since.pop(message_id, None)
        elif message_id in self._since:
            self._since[message_id] = ChatMessage(
                id=message_id, role="assistant", content=[heard], interrupted=True
            )

    def so_far(self) -> ChatContext:
        """All of it."""
        whole = self._told.copy()
        whole.items.extend(self._since.values())
        return whole
