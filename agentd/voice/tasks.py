"""AgentTask: an agent that has the word until it has come to a result."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from typing import Any, Generic, TypeVar, Unpack

from agentd.errors import SessionError, ToolError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.chat import ChatContext
from agentd.llm.instructions import Instructions
from agentd.stt.base import STT
from agentd.tts.base import TTS
from agentd.vad import VAD

from .agent import Agent, place_of, tell_place
from .agent_base import AnyTool, LanguageModel, book_of
from .options import DeprecatedKeywords, ToolHandlingOptions
from .scope import current_scope
from .turns.options import TurnHandlingOptions

TaskResultT = TypeVar("TaskResultT")


class AgentTask(Agent, Generic[TaskResultT]):
    """Awaited inside a tool, `on_enter` or `on_exit`, once: `name = await AskName()`.

    The agent that awaits it is silent and deaf meanwhile. The task ends with `complete`; then that
    agent knows what was said, and goes on. The task's own calls of tools are left out, unless
    `preserve_function_call_history`. For the other arguments see Agent.
    """

    def __init__(  # noqa: PLR0913 - the keywords are livekit-agents'
        self,
        *,
        instructions: str | Instructions,
        id: str | None = None,
        chat_ctx: NotGivenOr[ChatContext | None] = NOT_GIVEN,
        tools: Sequence[AnyTool] | None = None,
        turn_handling: NotGivenOr[TurnHandlingOptions] = NOT_GIVEN,
        tool_handling: NotGivenOr[ToolHandlingOptions] = NOT_GIVEN,
        stt: NotGivenOr[STT | str | None] = NOT_GIVEN,
        vad: NotGivenOr[VAD | None] = NOT_GIVEN,
        llm: NotGivenOr[LanguageModel | str | None] = NOT_GIVEN,
        tts: NotGivenOr[TTS | str | None] = NOT_GIVEN,
        min_consecutive_speech_delay: NotGivenOr[float] = NOT_GIVEN,
        use_tts_aligned_transcript: NotGivenOr[bool] = NOT_GIVEN,
        expressive: NotGivenOr[Any] = NOT_GIVEN,
        preserve_function_call_history: bool = False,
        **deprecated: Unpack[DeprecatedKeywords],
    ) -> None:
        super().__init__(
            instructions=instructions,
            id=id,
            chat_ctx=chat_ctx,
            tools=tools,
            turn_handling=turn_handling,
            tool_handling=tool_handling,
            stt=stt,
            vad=vad,
            llm=llm,
            tts=tts,
            min_consecutive_speech_delay=min_consecutive_speech_delay,
            use_tts_aligned_transcript=use_tts_aligned_transcript,
            expressive=expressive,
            **deprecated,
        )
        self._preserve_calls = preserve_function_call_history
        self._outcome: asyncio.Future[TaskResultT] | None = None
        self._early: tuple[TaskResultT | Exception] | None = None

    def done(self) -> bool:
        """Whether it has come to its end."""
        return self._early is not None or (self._outcome is not None and self._outcome.done())

    def complete(self, result: TaskResultT | Exception) -> None:
        """End with a result; an exception is raised where the task is awaited.

        Raises SessionError where it has ended before.
        """
        if self.done():
            raise SessionError(f"the task '{self.id}' has ended before")
        if self._outcome is None:
            self._early = (result,)
        else:
            _resolve(self._outcome, result)
        if self._outcome is None or not isinstance(result, Exception):
            tell_place(self, result)

    def cancel(self) -> None:
        """End without a result: ToolError is raised where it is awaited. May be repeated."""
        if not self.done():
            self.complete(ToolError(f"The task {self.id} was cancelled."))

    def __await__(self) -> Generator[Any, None, TaskResultT]:
        return self._run().__await__()

    async def _run(self) -> TaskResultT:
        scope = current_scope.get()
        if scope is None:
            raise SessionError(
                f"the task '{self.id}' can be awaited inside a tool, on_enter or on_exit only"
            )
        if self._outcome is not None:
            raise SessionError(f"the task '{self.id}' was awaited before: make another one")
        self._outcome = asyncio.get_running_loop().create_future()
        if self._early is not None:
            _resolve(self._outcome, self._early[0])
        async with place_of(scope.agent).lend(self, scope):
            await asyncio.wait({self._outcome})
        self._merge_into(scope.agent)
        return self._outcome.result()

    def _merge_into(self, parent: Any) -> None:
        book_of(parent).chat_ctx.merge(
            book_of(self).chat_ctx,
            exclude_function_call=not self._preserve_calls,
            exclude_instructions=True,
            exclude_config_update=True,
        )


def _resolve(outcome: asyncio.Future[TaskResultT], result: TaskResultT | Exception) -> None:
    if isinstance(result, Exception):
        outcome.set_exception(result)
    else:
        outcome.set_result(result)
