"""The one place where a conversation's history grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentd.llm.chat import ChatContext
from agentd.llm.items import AgentHandoff, ChatItem, ChatMessage

from .agent_base import AgentBase, book_of
from .events import ConversationItemAddedEvent
from .run_events import AgentHandoffEvent
from .run_result import Run
from .speech import Speech

INSTRUCTIONS_ID = "lk.agent_task.instructions"
"""Of the message that tells the model what it is; it is put in for each reply, and not kept."""


class ChatLog:
    """The history of a session, over all its agents."""

    def __init__(
        self,
        history: ChatContext,
        *,
        emit: Callable[[ConversationItemAddedEvent], None],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called after each change: the conversation is to be remembered."""
        self.history = history
        self.run: Run | None = None
        """The run that is under way, which hears of everything."""
        self._emit = emit
        self._changed = changed

    def add(self, item: ChatItem, agent: AgentBase, speech: Speech | None = None) -> None:
        """Something was said, called or answered while this agent had the word."""
        self.history.items.append(item)
        known = book_of(agent).chat_ctx
        if known.get_by_id(item.id) is None:
            known.items.append(item)
        if speech is not None:
            speech.add_item(item)
        self._record(item)
        if isinstance(item, ChatMessage | AgentHandoff):
            self._emit(ConversationItemAddedEvent(item=item))
        self._changed()

    def add_all(
        self, items: Iterable[ChatItem], agent: AgentBase, speech: Speech | None = None
    ) -> None:
        """Several, in their order."""
        for item in items:
            self.add(item, agent, speech)

    def hand_over(self, old: AgentBase | None, new: AgentBase) -> AgentHandoff:
        """Another agent has taken over."""
        item = AgentHandoff(old_agent_id=old.id if old is not None else None, new_agent_id=new.id)
        self.history.items.append(item)
        book_of(new).chat_ctx.items.append(item)
        if self.run is not None and old is not None:
            self.run.record(AgentHandoffEvent(item=item, old_agent=old, new_agent=new))
        self._emit(ConversationItemAddedEvent(item=item))
        self._changed()
        return item

    def note(self, item: ChatItem) -> None:
        """Something about the agent has changed; it knows that already."""
        self.history.items.append(item)
        self._changed()

    def _record(self, item: ChatItem) -> None:
        if self.run is None or (isinstance(item, ChatMessage) and item.role != "assistant"):
            return
        self.run.record(item)
