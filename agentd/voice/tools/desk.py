"""What a running tool may ask for: to tell the model, to fill the silence, to have the floor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agentd.aio.tasks import TaskOwner
from agentd.errors import SessionError
from agentd.llm.clean_text import clean
from agentd.llm.items import FunctionCall, FunctionCallOutput
from agentd.voice.events import ToolCallUpdated, ToolExecutionUpdatedEvent
from agentd.voice.options import Filler
from agentd.voice.speaking.floor import Floor
from agentd.voice.speech import Speech, SpeechHandle

from .news import ToolNews
from .result import ToolAnswer
from .run import ToolCallRun, ToolRunner


class SessionToolDesk:
    """The session's; a ToolDesk."""

    def __init__(
        self,
        runner: ToolRunner,
        news: ToolNews,
        floor: Floor,
        *,
        template: Callable[[], str],
        emit: Callable[[ToolExecutionUpdatedEvent], None],
        say: Callable[[str], SpeechHandle],
    ) -> None:
        self._runner = runner
        self._news = news
        self._floor = floor
        self._template = template
        self._emit = emit
        self._say = say

    async def update(self, call: FunctionCall, message: str, *, silent: bool) -> None:
        """See RunContext."""
        run = self._find(call)
        run.updates += 1
        self._emit(
            ToolExecutionUpdatedEvent(update=ToolCallUpdated(call_id=call.call_id, message=message))
        )
        output = FunctionCallOutput(
            call_id=call.call_id,
            name=call.name,
            output=clean(self._template().replace("{message}", message)),
            reply_required=not silent,
        )
        if run.answered.done():
            self._news.add(run, output, silent=silent)
        else:
            run.answered.set_result(ToolAnswer(call=run.call, output=output, goes_on=True))
            run.ended.add_done_callback(lambda ended: self._tell_result(run, ended.result()))

    @asynccontextmanager
    async def filling(
        self,
        call: FunctionCall,
        source: Filler,
        *,
        delay: float,
        interval: float | None,
        max_steps: int | None,
    ) -> AsyncIterator[None]:
        """See RunContext."""
        async with TaskOwner(f"filler of {call.name}") as owner:
            owner.start(self._fill(source, delay, interval, max_steps), name="filler")
            yield

    @asynccontextmanager
    async def foreground(self, call: FunctionCall) -> AsyncIterator[None]:
        """See RunContext."""
        run = self._find(call)
        async with self._floor.foreground:
            await self._floor.quiet_for(0.0)
            run.suspend()
            try:
                yield
            finally:
                run.resume()

    async def wait_for_playout(self, speech: Speech) -> None:
        """See RunContext."""
        await self._floor.left_by(speech)

    async def _fill(
        self, source: Filler, delay: float, interval: float | None, max_steps: int | None
    ) -> None:
        pause, steps = delay, 0
        while max_steps is None or steps < max_steps:
            await self._floor.quiet_for(pause)
            text = source if isinstance(source, str) else source()
            if text:
                await self._say(text).wait_for_playout()
            steps += 1
            if interval is None:
                return
            pause = interval

    def _tell_result(self, run: ToolCallRun, result: ToolAnswer) -> None:
        if result.output is not None:
            self._news.add(run, result.output, silent=run.cancelled)

    def _find(self, call: FunctionCall) -> ToolCallRun:
        run = self._runner.find(call.call_id)
        if run is None:
            raise SessionError(f"the call {call.call_id} of {call.name} is over")
        return run
