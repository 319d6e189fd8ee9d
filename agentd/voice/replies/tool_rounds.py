"""The tools of one reply, round by round: begun, answered, remembered, followed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from agentd.llm.items import ChatItem, FunctionCall
from agentd.llm.toolset import ToolContext
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.events import FunctionToolsExecutedEvent
from agentd.voice.models import Setting
from agentd.voice.speech import Speech
from agentd.voice.tasks import AgentTask
from agentd.voice.tools.result import ToolAnswer
from agentd.voice.tools.run import ToolCallRun

logger = logging.getLogger("agentd.voice")


class ToolRounds:
    """What a reply does with the calls that its model makes."""

    def __init__(
        self,
        bench: Bench,
        agent: Agent,
        setting: Setting,
        speech: Speech,
        *,
        keep: Callable[[Sequence[ChatItem]], None],
    ) -> None:
        """`keep` puts calls and outputs into the history."""
        self._bench = bench
        self._agent = agent
        self._setting = setting
        self._speech = speech
        self._keep = keep
        self._runs: list[ToolCallRun] = []

    @property
    def at_work(self) -> list[ToolCallRun]:
        """The calls that are waited for."""
        return [run for run in self._runs if not run.answered.done()]

    def begin(self, call: FunctionCall, tools: ToolContext) -> ToolCallRun:
        """Begin a call."""
        run = self._bench.runner.start(
            call,
            tools,
            agent=self._agent,
            speech=self._speech,
            handling=self._setting.tool_handling,
            context=lambda made: self._bench.context(made, self._speech),
        )
        self._runs.append(run)
        return run

    async def answers(self) -> list[ToolAnswer] | None:
        """What the tools have answered; None where none was called, or on an interruption."""
        if not self._runs:
            return None
        self._bench.turns.speech_thinking(self._speech)
        everything = asyncio.gather(*(run.answered for run in self._runs))
        if not await self._speech.unless_interrupted(asyncio.shield(everything)):
            self.leave()
            return None
        self._runs.clear()
        return everything.result()

    def leave(self) -> None:
        """The reply is over: what has an answer is remembered, what is at work goes on."""
        runs, self._runs = self._runs, []
        self._record([run.answered.result() for run in runs if run.answered.done()])
        for run in runs:
            if not run.answered.done():
                run.answered.add_done_callback(lambda done: self._record([done.result()]))

    def follow(self, answers: Sequence[ToolAnswer]) -> bool:
        """Remember what the tools have answered; says whether the model is to go on."""
        agents = [answer.agent for answer in answers if answer.agent is not None]
        event = FunctionToolsExecutedEvent(
            function_calls=[answer.call for answer in answers],
            function_call_outputs=[answer.output for answer in answers],
            has_tool_reply=any(answer.wants_reply for answer in answers),
            has_agent_handoff=bool(agents),
        )
        self._record(answers)
        self._bench.emit(event)
        if len(agents) > 1:
            logger.error(
                "two tools of one reply named an agent to take over: the first one does",
                extra={"action": "two_handoffs", "agents": [agent.id for agent in agents]},
            )
        if agents and event.has_agent_handoff:
            self._bench.hand_over(agents[0])
        is_over = isinstance(self._agent, AgentTask) and self._agent.done()
        return event.has_tool_reply and not is_over

    def must_answer(self, answers: Sequence[ToolAnswer]) -> bool:
        """Whether the model is to call no more: it has often enough, or another takes over."""
        over = self._speech.num_steps > self._setting.options.max_tool_steps
        return over or any(answer.agent is not None for answer in answers)

    def _record(self, answers: Sequence[ToolAnswer]) -> None:
        self._keep(_items(answers))
        for answer in answers:
            self._bench.runner.note_recorded(answer.call.call_id)


def _items(answers: Sequence[ToolAnswer]) -> list[ChatItem]:
    """Calls first, then their outputs; a call that is to be forgotten is left out."""
    kept = [answer for answer in answers if answer.output is not None]
    outputs = [answer.output for answer in kept if answer.output is not None]
    return [*(answer.call for answer in kept), *outputs]
