"""Runs tools: side by side, each with a deadline, and remembered from its start to its end.

A call outlives the reply that has made it: an interruption leaves it at work, and what comes of it
is in the history when the model is asked next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import SessionError, ToolError
from agentd.llm.execute import call_tool
from agentd.llm.items import FunctionCall, FunctionCallOutput
from agentd.llm.tools import CallContext, ToolFlag
from agentd.llm.toolset import AnyFunctionTool, ToolContext
from agentd.tracing import Attributes, said, span
from agentd.voice.agent_base import AgentBase
from agentd.voice.events import (
    ToolCallEnded,
    ToolCallStarted,
    ToolExecutionUpdate,
    ToolExecutionUpdatedEvent,
)
from agentd.voice.mocking import call_mock, mock_of
from agentd.voice.options import ToolHandling
from agentd.voice.scope import Scope, enter_scope
from agentd.voice.speech import Speech

from .duplicates import Peers, confirmed_call, decide_duplicate
from .result import ToolAnswer, answer, failure

logger = logging.getLogger("agentd.voice")

CANCEL_GRACE = 1.0
"""Seconds that a cancelled tool has to clean up before it is left behind."""

IN_PROGRESS = "The tool is still at work. Do not call it again for the same thing."
"""What the model is told of a call that has no result yet."""


class ToolCallRun:
    """One call, from its start to its end."""

    def __init__(
        self, call: FunctionCall, tool: AnyFunctionTool | None, agent: AgentBase, speech: Speech
    ) -> None:
        loop = asyncio.get_running_loop()
        self.call = call
        self.tool = tool
        self.agent = agent
        self.speech = speech
        self.started_at = now()
        self.answered: asyncio.Future[ToolAnswer] = loop.create_future()
        """What the model is told first: the result, or an update while the tool goes on."""
        self.ended: asyncio.Future[ToolAnswer] = loop.create_future()
        """The result."""
        self.updates = 0
        self.cancelled = False
        """Whether it was ended by request: nobody waits for its result."""
        self.recorded = False
        """Whether the history knows of what it was answered."""
        self.over = False
        """Whether the tool's code has ended."""
        self._timeout: float | None = None
        self._due_at: float | None = None
        self._moved: asyncio.Future[None] = loop.create_future()

    @property
    def idempotent(self) -> bool:
        """Whether it may be called again where nobody knows how it ended."""
        return self.tool is not None and bool(self.tool.info.flags & ToolFlag.IDEMPOTENT)

    @property
    def cancellable(self) -> bool:
        """Whether the model may end it."""
        return self.tool is not None and bool(self.tool.info.flags & ToolFlag.CANCELLABLE)

    def limit(self, timeout: float | None) -> None:
        """Give it so many seconds from now."""
        self._timeout = timeout
        self.resume()

    def suspend(self) -> None:
        """Its time does not count: it talks to the user."""
        self._move(None)

    def resume(self) -> None:
        """Its time counts again, from its beginning."""
        self._move(None if self._timeout is None else now() + self._timeout)

    async def answer_if_over(self) -> None:
        """Wait until it is answered, if its code has ended."""
        if self.over:
            await asyncio.wait({self.answered})

    async def outlast(self, task: asyncio.Task[Any]) -> bool:
        """Wait for the tool's task; says whether it ended in time."""
        while not task.done():
            left = None if self._due_at is None else self._due_at - now()
            if left is not None and left <= 0:
                return False
            await asyncio.wait(
                {task, self._moved}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if self._moved.done():
                self._moved = asyncio.get_running_loop().create_future()
        return True

    def _move(self, due_at: float | None) -> None:
        self._due_at = due_at
        if not self._moved.done():
            self._moved.set_result(None)


class ToolRunner:
    """The tools of a session that are at work."""

    def __init__(
        self,
        *,
        emit: Callable[[ToolExecutionUpdatedEvent], None],
        changed: Callable[[], None],
        on_busy: Callable[[bool], None],
    ) -> None:
        """`changed` is called when a tool begins or ends, `on_busy` when the first begins and the
        last ends."""
        self._emit = emit
        self._changed = changed
        self._on_busy = on_busy
        self._owner = TaskOwner("tools")
        self._running: dict[str, ToolCallRun] = {}
        self._ledger: dict[str, ToolCallRun] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    @property
    def running(self) -> list[ToolCallRun]:
        """Those that are at work."""
        return list(self._running.values())

    @property
    def ledger(self) -> list[ToolCallRun]:
        """Those that have begun and are not both over and in the history."""
        return list(self._ledger.values())

    def note_recorded(self, call_id: str) -> None:
        """The history knows what a call was answered, or is to know nothing."""
        run = self._ledger.get(call_id)
        if run is not None:
            run.recorded = True
            self._settle(run)

    def find(self, call_id: str) -> ToolCallRun | None:
        """The call of this id, if it is at work."""
        return self._running.get(call_id)

    def start(
        self,
        call: FunctionCall,
        tools: ToolContext,
        *,
        agent: AgentBase,
        speech: Speech,
        handling: ToolHandling,
        context: Callable[[FunctionCall], CallContext],
    ) -> ToolCallRun:
        """Begin a call. Never raises: an unknown tool is an answer too."""
        run = ToolCallRun(call, tools.get_function_tool(call.name), agent, speech)
        run.limit(handling.timeout)
        self._running[call.call_id] = self._ledger[call.call_id] = run
        if len(self._running) == 1:
            self._on_busy(True)
        self._tell(ToolCallStarted(function_call=call))
        self._changed()
        self._owner.start(self._see_through(run, tools, context), name=f"call of {call.name}")
        return run

    def in_progress(
        self, agent: AgentBase, known: set[str]
    ) -> list[FunctionCall | FunctionCallOutput]:
        """What an agent's model is to be told of its calls that the history does not have yet, but
        for those it knows of."""
        items: list[FunctionCall | FunctionCallOutput] = []
        for run in self._ledger.values():
            output = _told(run)
            if output is not None and run.agent is agent and run.call.call_id not in known:
                items += [run.call, output]
        return items

    def cancel(self, call_id: str) -> bool:
        """End a call; says whether it was at work."""
        task, run = self._tasks.get(call_id), self._running.get(call_id)
        if task is None or run is None:
            return False
        run.cancelled = True
        task.cancel()
        return True

    async def aclose(self) -> None:
        """End them all. May be repeated."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_GRACE)
        await self._owner.aclose()

    async def _see_through(
        self, run: ToolCallRun, tools: ToolContext, context: Callable[[FunctionCall], CallContext]
    ) -> None:
        with span("function_tool", _called(run.call)) as traced:
            try:
                await self._see_to_its_end(run, tools, context)
            finally:
                traced.set(_ended(run))

    async def _see_to_its_end(
        self, run: ToolCallRun, tools: ToolContext, context: Callable[[FunctionCall], CallContext]
    ) -> None:
        status = "cancelled"
        result = failure(run.call, ToolError("The tool was cancelled."))
        try:
            call = self._settle_duplicates(run)
            tool = tools.require(run.call.name)
            # Not a TaskOwner's: a tool that does not heed its end is left behind.
            task = TaskOwner("tool").start(
                self._call(run, tool, call, context), name=run.call.name, report=False
            )
            self._tasks[run.call.call_id] = task
            result, status = await self._outcome(run, task)
        except ToolError as error:
            result, status = failure(run.call, error), "error"
        finally:
            self._end(run, result, status)

    async def _outcome(self, run: ToolCallRun, task: asyncio.Task[Any]) -> tuple[ToolAnswer, str]:
        in_time = await run.outlast(task)
        if not in_time:
            return await self._give_up(run, task), "error"
        if task.cancelled():
            return failure(run.call, ToolError("The tool was cancelled.")), "cancelled"
        error = task.exception()
        if error is None:
            return answer(run.call, task.result()), "done"
        return failure(run.call, error), "error"

    async def _give_up(self, run: ToolCallRun, task: asyncio.Task[Any]) -> ToolAnswer:
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_GRACE)
        logger.error(
            "a tool did not end in time: it is cancelled, and the model is told",
            extra={
                "action": "tool_timeout",
                "tool": run.call.name,
                "call_id": run.call.call_id,
                "seconds": round(now() - run.started_at, 3),
                "still_running": not task.done(),
            },
        )
        return failure(
            run.call,
            ToolError("The tool did not answer in time and was cancelled. Its outcome is unknown."),
        )

    async def _call(
        self,
        run: ToolCallRun,
        tool: AnyFunctionTool,
        call: FunctionCall,
        context: Callable[[FunctionCall], CallContext],
    ) -> Any:
        enter_scope(Scope("tool", run.agent, speech=run.speech, call=run))
        mock = mock_of(run.agent, call.name)
        try:
            if mock is not None:
                return await call_mock(mock, tool, call, context(run.call))
            return await call_tool(tool, call.arguments, call_ctx=context(run.call))
        except SystemExit as error:  # in a task it would end the process, and every call in it
            raise SessionError(
                "a tool called sys.exit(): use session.shutdown() to end the conversation"
            ) from error
        finally:
            run.over = True

    def _settle_duplicates(self, run: ToolCallRun) -> FunctionCall:
        """The call as it is to be made; raises ToolError where it is not to be."""
        call, is_confirmed = confirmed_call(run.call, run.tool)
        if run.tool is None:
            return call
        others = [
            other.call
            for other in self._running.values()
            if other is not run and other.call.name == run.call.name
        ]
        decision = decide_duplicate(run.tool.info, Peers(call, others), is_confirmed)
        for other in decision.cancel:
            self.cancel(other.call_id)
        return call

    def _end(self, run: ToolCallRun, result: ToolAnswer, status: str) -> None:
        self._running.pop(run.call.call_id, None)
        self._tasks.pop(run.call.call_id, None)
        message = result.output.output if result.output is not None else ""
        self._tell(ToolCallEnded(call_id=run.call.call_id, status=status, message=message))  # type: ignore[arg-type]
        if not run.answered.done():
            run.answered.set_result(result)
        if not run.ended.done():
            run.ended.set_result(result)
        self._settle(run)
        self._changed()
        if not self._running:
            self._on_busy(False)

    def _settle(self, run: ToolCallRun) -> None:
        if run.recorded and run.ended.done():
            self._ledger.pop(run.call.call_id, None)

    def _tell(self, update: ToolExecutionUpdate) -> None:
        self._emit(ToolExecutionUpdatedEvent(update=update))


def names_of(runs: Sequence[ToolCallRun]) -> str:
    """The tools that are at work, for people."""
    return ", ".join(f"{run.call.name} for {now() - run.started_at:.1f} s" for run in runs)


def _called(call: FunctionCall) -> Attributes:
    return {
        "lk.function_tool.id": call.call_id,
        "lk.function_tool.name": call.name,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.call.id": call.call_id,
        "gen_ai.tool.type": "function",
        "lk.pii.function_tool.arguments": said(call.arguments),
        "gen_ai.tool.call.arguments": said(call.arguments),
    }


def _ended(run: ToolCallRun) -> Attributes:
    output = run.ended.result().output if run.ended.done() else None
    if output is None:
        return {"lk.function_tool.is_error": False, "agentd.cancelled": run.cancelled or None}
    return {
        "lk.function_tool.is_error": output.is_error,
        "agentd.cancelled": run.cancelled or None,
        "lk.pii.function_tool.output": said(output.output),
        "gen_ai.tool.call.result": said(output.output),
    }


def _told(run: ToolCallRun) -> FunctionCallOutput | None:
    """What a call has been answered, or that it has not been; at the place of the call."""
    call = run.call
    if run.answered.done():
        output = run.answered.result().output
        return replace(output, created_at=call.created_at) if output is not None else None
    return FunctionCallOutput(
        call_id=call.call_id, name=call.name, output=IN_PROGRESS, created_at=call.created_at
    )
