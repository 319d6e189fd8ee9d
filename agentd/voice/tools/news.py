"""What tools have to say after their call was answered: updates, and results that come later.

It goes into the history at once, so that whatever is said next knows of it; and where nothing is
said, a reply of its own tells the user, when it is quiet.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.ids import shortuuid
from agentd.llm.items import FunctionCall, FunctionCallOutput
from agentd.voice.chatlog import ChatLog
from agentd.voice.events import ToolExecutionUpdatedEvent, ToolReplyUpdated
from agentd.voice.speaking.floor import Floor
from agentd.voice.speech import SpeechHandle

from .run import ToolCallRun


class ToolNews:
    """The news of a session's tools."""

    def __init__(
        self,
        log: ChatLog,
        floor: Floor,
        owner: TaskOwner,
        *,
        emit: Callable[[ToolExecutionUpdatedEvent], None],
        reply: Callable[[], SpeechHandle | None],
    ) -> None:
        """`reply` has the model say something about what is new; None where nobody can."""
        self._log = log
        self._floor = floor
        self._owner = owner
        self._emit = emit
        self._reply = reply
        self._pending: list[str] = []

    def add(self, run: ToolCallRun, output: FunctionCallOutput, *, silent: bool = False) -> None:
        """A tool has something to say."""
        call = replace(run.call, id=shortuuid("item_"), call_id=shortuuid("call_"))
        told = replace(output, id=shortuuid("item_"), call_id=call.call_id, name=run.call.name)
        self._log.add_all([_as_update(call, run), told], run.agent)
        if silent or not output.reply_required:
            return
        self._pending.append(run.call.call_id)
        if len(self._pending) == 1:
            self._owner.start(self._tell(), name="tool news")

    def are_told(self) -> None:
        """The model is about to say something, knowing of them."""
        if self._pending:
            self._update("skipped")
            self._pending.clear()

    async def _tell(self) -> None:
        await self._floor.quiet_for(0.0)
        async with self._floor.foreground:
            if not self._pending:
                return
            self._update("scheduled")
            told = list(self._pending)
            self._pending.clear()
            handle = self._reply()
            if handle is None:
                return
            await handle.wait_for_playout()
            status = "interrupted" if handle.interrupted else "completed"
            self._emit(
                ToolExecutionUpdatedEvent(
                    update=ToolReplyUpdated(
                        update_ids=told,
                        status=status,  # type: ignore[arg-type]  # one of two literals
                    )
                )
            )

    def _update(self, status: str) -> None:
        self._emit(
            ToolExecutionUpdatedEvent(
                update=ToolReplyUpdated(
                    update_ids=list(self._pending),
                    status=status,  # type: ignore[arg-type]  # a literal of the caller's
                )
            )
        )


def _as_update(call: FunctionCall, run: ToolCallRun) -> FunctionCall:
    """The call that stands for the news: models know outputs only as answers to calls."""
    return replace(call, extra={**call.extra, "update_of": run.call.call_id}, group_id=None)
