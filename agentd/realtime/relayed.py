"""A reply on its way from one of several models: noted as it comes, ended with its line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agentd.audio.frame import AudioFrame
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
                    yield _Message(message, self)
        finally:  # also where the user has interrupted it, and nobody reads on
            self._end()

    def note(self, message_id: str, text: str) -> None:
        """The next piece of text that was said."""
        self.said_something = True
        self._conversation.said(message_id, text)

    async def _calls(self) -> AsyncGenerator[FunctionToolCall]:
        async with aclosing(self.line.while_well(self._generation.function_stream)) as calls:
            async for call in calls:
                self._may_be_owed = False
                yield call

    def _end(self) -> None:
        self.ended = True
        self._may_be_owed = self.is_owed
        self._on_end()


class _Message(MessageGeneration):
    """A message as the user of the session has it."""

    def __init__(self, given: MessageGeneration, relayed: Relayed) -> None:
        super().__init__(
            message_id=given.message_id,
            text=self._text(),
            audio=self._audio(),
            modalities=given.modalities,
        )
        self._given = given
        self._relayed = relayed

    async def _text(self) -> AsyncGenerator[str]:
        async with aclosing(self._relayed.line.while_well(self._given.text_stream)) as texts:
            async for text in texts:
                self._relayed.note(self.message_id, text)
                yield text
        self._note_end()

    async def _audio(self) -> AsyncGenerator[AudioFrame]:
        async with aclosing(self._relayed.line.while_well(self._given.audio_stream)) as frames:
            async for frame in frames:
                yield frame
        self._note_end()

    def _note_end(self) -> None:
        failed = self._relayed.line.failure is not None
        self.cut_off = self.cut_off or self._given.cut_off or failed
