"""All that a model has to know to take a conversation over."""

from __future__ import annotations

from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm.events import ToolChoice
from agentd.llm.tools import Tool

from .base import RealtimeSession
from .conversation import Conversation
from .unheard import Unheard


class Briefing:
    """What the agent has told, what was said, and what the user says that nobody has answered."""

    def __init__(self) -> None:
        self.instructions = ""
        self.tools: list[Tool] = []
        self.tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN
        self.conversation = Conversation()
        self.unheard = Unheard()

    async def give(self, session: RealtimeSession) -> None:
        """Tell a session all of it but the user's audio, and wait until it is connected."""
        await session.update_instructions(self.instructions)
        await session.update_chat_ctx(self.conversation.so_far())
        await session.update_tools(self.tools)
        if is_given(self.tool_choice):
            session.update_options(tool_choice=self.tool_choice)
        await session.connected()

    def let_hear(self, session: RealtimeSession) -> None:
        """The user's audio that was not answered."""
        for frame in self.unheard.take():
            session.push_audio(frame)
