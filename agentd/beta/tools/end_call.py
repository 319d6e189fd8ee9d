"""EndCallTool: the model ends the call, after a goodbye (row 235)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from agentd.llm.tools import FunctionTool, ToolFlag, function_tool
from agentd.llm.toolset import Toolset
from agentd.voice.context import RunContext
from agentd.voice.speech import SpeechHandle

DESCRIPTION = (
    "End the current call, for good. Call it when the user wants to hang up, says goodbye, or when "
    "there is nothing left to do and the user agrees; never in the midst of a conversation."
)

END_INSTRUCTIONS = "say goodbye to the user"


class EndCallEvent(Struct, frozen=True, kw_only=True, eq=False):
    """The tool was called, or is done; what the callbacks are given."""

    ctx: RunContext[Any]


EndCallCallback: TypeAlias = Callable[[EndCallEvent], Any]


class EndCallTool(Toolset):
    """Has the agent say goodbye, and shuts the session down when that was heard.

    Args:
        extra_description: Said to the model beside the tool's own description.
        delete_room: Whether the room is deleted as well, so that everybody is disconnected.
        end_instructions: What the model is told to say; None for nothing.
        ignore_on_enter: Hide the tool while the agent's `on_enter` runs.
        on_tool_called, on_tool_completed: Called, or awaited, before and after.
    """

    def __init__(
        self,
        *,
        extra_description: str = "",
        delete_room: bool = True,
        end_instructions: str | None = END_INSTRUCTIONS,
        ignore_on_enter: bool = False,
        on_tool_called: EndCallCallback | None = None,
        on_tool_completed: EndCallCallback | None = None,
    ) -> None:
        self._delete_room = delete_room
        self._end_instructions = end_instructions
        self._on_called = on_tool_called
        self._on_completed = on_tool_completed
        tool = self._make(f"{DESCRIPTION}\n{extra_description}".strip(), ignore_on_enter)
        super().__init__(id="end_call", tools=[tool])

    def _make(self, description: str, ignore_on_enter: bool) -> FunctionTool[..., Any]:
        flags = ToolFlag.IGNORE_ON_ENTER if ignore_on_enter else ToolFlag.NONE

        @function_tool(name="end_call", description=description, flags=flags)
        async def end_call(ctx: RunContext[Any]) -> str | None:
            await _call(self._on_called, ctx)
            ctx.disallow_interruptions()
            ctx.speech_handle.add_done_callback(lambda handle: self._hang_up(ctx, handle))
            await _call(self._on_completed, ctx)
            return self._end_instructions

        return end_call

    def _hang_up(self, ctx: RunContext[Any], handle: SpeechHandle) -> None:
        ctx.session.shutdown(delete_room=self._delete_room)


async def _call(callback: EndCallCallback | None, ctx: RunContext[Any]) -> None:
    if callback is not None:
        result = callback(EndCallEvent(ctx=ctx))
        if inspect.isawaitable(result):
            await result
