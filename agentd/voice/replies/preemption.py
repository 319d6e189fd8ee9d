"""Replies that were begun before the user's turn was sure to be over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.given import NOT_GIVEN
from agentd.llm.chat import ChatContext
from agentd.llm.items import ChatMessage
from agentd.llm.toolset import ToolContext
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.models import Setting
from agentd.voice.session_trace import drop_agent_turn
from agentd.voice.turns.actions import StartPreemptive

from .prompting import call_ids, offered, prompt
from .reply_pass import ReplyPass


class _Begun(Struct, frozen=True, eq=False):
    step: ReplyPass
    told: ChatContext
    tools: ToolContext
    instructions: object


class Preemption:
    """The generation that was begun for an agent, at most one at a time."""

    def __init__(
        self,
        bench: Bench,
        agent: Agent,
        setting: Setting,
        *,
        tools: Callable[[], ToolContext],
        owner: TaskOwner,
    ) -> None:
        self._bench = bench
        self._agent = agent
        self._setting = setting
        self._tools = tools
        self._owner = owner
        self._begun: dict[int, _Begun] = {}

    def begin(self, order: StartPreemptive) -> None:
        """Ask the model for a reply to this text, unheard."""
        if self._setting.models.chat_llm is None:
            return
        known = self._agent.chat_ctx.copy()
        told = prompt(
            self._agent,
            ChatContext([*known.items, ChatMessage(role="user", content=[order.text])]),
            modality="audio",
            in_progress=self._bench.runner.in_progress(self._agent, call_ids(known)),
        )
        tools = self._tools()
        running = {run.call.name for run in self._bench.runner.running}
        turn = self._bench.trace.agent_turn(self._agent, ahead=True)
        step = ReplyPass(self._bench, self._agent, self._setting, turn=turn)
        with turn.current():
            step.think(told, offered(tools, running), ModelSettings(tool_choice=NOT_GIVEN))
            if order.synthesize:
                step.synthesize()
        self._begun[order.generation_id] = _Begun(step, known, tools, self._agent.instructions)

    def drop(self, generation_id: int) -> None:
        """It is not wanted any more."""
        begun = self._begun.pop(generation_id, None)
        if begun is not None:
            self._owner.start(_drop(begun.step), name="drop preemptive reply")

    def take(self, generation_id: int | None, turn_ctx: ChatContext) -> ReplyPass | None:
        """What was begun, if the model would be told the same now: history, instructions, tools."""
        begun = None if generation_id is None else self._begun.pop(generation_id, None)
        if begun is None:
            return None
        same = (
            turn_ctx.is_equivalent(begun.told)
            and self._tools() == begun.tools
            and self._agent.instructions == begun.instructions
            and begun.step.thought.error is None
        )
        if not same:
            self._owner.start(_drop(begun.step), name="drop preemptive reply")
            return None
        return begun.step

    async def aclose(self) -> None:
        """Give up what was begun. May be repeated."""
        steps = [begun.step for begun in self._begun.values()]
        self._begun.clear()
        await asyncio.gather(*(_drop(step) for step in steps))


async def _drop(step: ReplyPass) -> None:
    try:
        await step.aclose()
    finally:
        drop_agent_turn(step.turn)
