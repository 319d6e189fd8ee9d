"""A reply on its way from one of several models: noted as it comes, ended with its line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agentd.llm.events import FunctionToolCall

from .conversation import Conversation
from .events import GenerationCreated, MessageGeneration
from .line import Line


class Relayed:
    """One generation."""

    def __init__(
        self,
        line: Line,
        generation: GenerationCreated,
        conversation: Conversation,
        *,
        on_end: Callable[[], None],
    ) -> None:
        self.line = line
        self.said_something = False
        self.ended = False
        """Whether nothing more of it is read."""
        self._may_be_owed = True
        self._generation = generation
        self._conversation = conversation
        self._on_end = on_end

    @property
    def is_owed(self) -> bool:
        """Whether another model is to go on with it: its line has failed, and no tool was called
        (what comes of that is asked for anyway), nor has the user interrupted it."""
        return self._may_be_owed and self.line.failure is not None

    def interrupted(self) -> None:
        """The user wants no more of it."""
        self._may_be_owed, self.ended = False, True

    def generation(self, *, user_initiated: bool) -> GenerationCreated:
        """What the user of the session is given."""
        return GenerationCreated(
            response_id=self._generation.response_id,
            messages=self._messages(),
            function_calls=self._calls(),
            user_initiated=user_initiated,
        )

    async def _messages(self) -> AsyncGenerator[MessageGeneration]:
        try:
            async with aclosing(self.line.while_well(self._generation.message_stream)) as messages:
                async for message in messages:
                    yield MessageGeneration(
                        message_id=message.message_id,
                        text=self._text(message),
                        audio=self.line.while_well(message.audio_stream),
                        modalities=message.modalities,
                    )
        finally:  # also where the user has interrupted it, and nobody reads on
            self._end()

    async def _text(self, message: MessageGeneration) -> AsyncGenerator[str]:
        async with aclosing(self.line.while_well(message.text_stream)) as texts:
            async for text in texts:
                self.said_something = True
                self._conversation.said(message.message_id, text)
                yield text

    async def _calls(self) -> AsyncGenerator[FunctionToolCall]:
        async with aclosing(self.line.while_well(self._generation.function_stream)) as calls:
            async for call in calls:
                self._may_be_owed = False
                yield call

    def _end(self) -> None:
        self.ended = True
        self._may_be_owed = self.is_owed
        self._on_end()
