"""One reply: the model, then its tools, then the model again, until it has no more calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.timing import now
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.ids import shortuuid
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatItem, ChatMessage, FunctionCall
from agentd.llm.toolset import ToolContext
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.events import UserTurnDroppedEvent
from agentd.voice.models import Setting
from agentd.voice.options import InputModality, OutageKind
from agentd.voice.scope import Call
from agentd.voice.speech import Speech, SpeechHandle
from agentd.voice.tools.result import ToolAnswer
from agentd.voice.tools.run import ToolCallRun, names_of
from agentd.voice.turns.actions import DropReason, TurnTiming

from .message import assistant_message
from .prompting import call_ids, offered, prompt
from .reply_pass import PassEnd, ReplyPass
from .tool_rounds import ToolRounds

logger = logging.getLogger("agentd.voice")


class ReplyPlan(Struct, frozen=True, kw_only=True, eq=False):
    """What is asked of a reply."""

    agent: Agent
    setting: Setting
    tools: Callable[[], ToolContext]
    """The tools as they are: an agent may be given others while it replies."""
    chat_ctx: ChatContext | None = None
    """The conversation so far, a copy of its own; None for what the agent knows."""
    user_message: ChatMessage | None = None
    """What the user has said; it is put into the history first."""
    tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN
    instructions: str | Instructions | None = None
    """For this reply only."""
    modality: InputModality = "audio"
    timing: TurnTiming | None = None
    """Of the turn that it answers."""
    asked_by: Call | None = None
    """The call of a tool that has asked for it."""


class Reply:
    """The work on one reply."""

    def __init__(
        self,
        bench: Bench,
        plan: ReplyPlan,
        speech: Speech,
        *,
        prepared: ReplyPass | None = None,
        calls: Sequence[FunctionCall] = (),
    ) -> None:
        """`prepared` is the first step, where it was begun before the turn was sure to be over.
        With `calls` the reply begins with these."""
        self._bench = bench
        self._plan = plan
        self._speech = speech
        self._prepared = prepared
        self._calls = calls
        self._chat_ctx = plan.chat_ctx or ChatContext.empty()
        self._pass: ReplyPass | None = None
        self._tools = ToolRounds(bench, plan.agent, plan.setting, speech, keep=self._keep)
        self._has_floor = False

    async def run(self) -> None:
        """Reply. Raises what the model failed of."""
        await self._take_message()
        choice = self._plan.tool_choice
        try:
            while True:
                answers = await (self._redo() if self._calls else self._step(choice))
                if answers is None or not self._tools.follow(answers):
                    return
                self._speech.num_steps += 1
                choice = self._next_choice(answers)
        finally:
            # A model that fails after a call has called all the same: what comes of it is known.
            self._tools.leave()

    async def _take_message(self) -> None:
        plan = self._plan
        if plan.asked_by is not None:
            await plan.asked_by.answer_if_over()
        if self._prepared is None:
            await self._bench.turns.cut_ones_ended(self._speech)
        if plan.user_message is not None:
            self._bench.log.add(plan.user_message, plan.agent)
        if plan.chat_ctx is None:
            self._chat_ctx = plan.agent.chat_ctx.copy()
        elif plan.user_message is not None:
            self._chat_ctx.items.append(plan.user_message)

    # -- for who watches it ---------------------------------------------------------------

    def can_retry(self) -> bool:
        """Whether beginning the step anew does no harm."""
        return self._has_floor and self._pass is not None and self._pass.can_retry()

    def retry(self) -> None:
        """Begin the step anew."""
        if self._pass is not None:
            self._pass.retry()

    def waits_for(self) -> OutageKind | None:
        """See Work."""
        return self._pass.waits_for() if self._pass is not None and self._has_floor else None

    def fail(self, error: Exception) -> None:
        """See Work."""
        if self._pass is not None:
            self._pass.fail(error)

    def so_far(self, at: float) -> tuple[str, str]:
        """What was heard of the step up to an instant, and what is known of the rest."""
        return self._pass.delivery.so_far(at) if self._pass is not None else ("", "")

    @property
    def tools_at_work(self) -> list[ToolCallRun]:
        """The calls that the reply waits for."""
        return self._tools.at_work

    def stages(self) -> dict[str, str]:
        """What each stage is doing, for people."""
        stages = {"floor": "speaking" if self._has_floor else "waiting for its turn"}
        if self._pass is not None:
            stages |= _stages_of(self._pass)
        if self.tools_at_work:
            stages["tools"] = names_of(self.tools_at_work)
        return stages

    async def _redo(self) -> list[ToolAnswer] | None:
        """Make calls that an earlier process had begun."""
        calls, self._calls = self._calls, ()
        tools = self._plan.tools()
        for call in calls:
            self._tools.begin(call, tools)
        return await self._tools.answers()

    # -- one step -------------------------------------------------------------------------

    async def _step(self, choice: NotGivenOr[ToolChoice]) -> list[ToolAnswer] | None:
        """Ask the model, say what it says, run its calls; None where the reply ends with it."""
        while True:
            tools = self._plan.tools()
            self._pass, self._prepared = self._prepared, None
            if self._pass is None and not self._must_wait():
                self._pass = self._begin_pass(tools, choice)
            try:
                end = await self._perform(tools, choice)
                if self._pass is not None:
                    self._keep_words(self._pass, end)
            finally:
                if self._pass is not None:
                    await self._pass.aclose()
                self._pass = None
            if end is not PassEnd.RETRY:
                break
        if end is PassEnd.INTERRUPTED:
            self._tools.leave()
            return None
        return await self._tools.answers()

    def _must_wait(self) -> bool:
        """Whether the model is not to be asked before it is the reply's turn.

        Other replies are ahead, in whose midst it was asked for: begun by now, it would answer what
        they answer, and not know what they say. Or it was cut off already.
        """
        if self._speech.interrupted:
            return True
        plan, mouth = self._plan, self._bench.mouth
        if plan.user_message is not None or plan.chat_ctx is not None or self._speech.num_steps > 1:
            return False
        ahead = [mouth.speaking, *mouth.waiting()]
        return any(speech is not None and speech.source != "say" for speech in ahead)

    def _begin_pass(self, tools: ToolContext, choice: NotGivenOr[ToolChoice]) -> ReplyPass:
        plan, bench = self._plan, self._bench
        made = ReplyPass(bench, plan.agent, plan.setting)
        running = {run.call.name for run in bench.runner.running}
        told = prompt(
            plan.agent,
            self._chat_ctx,
            modality=plan.modality,
            extra_instructions=plan.instructions,
            in_progress=bench.runner.in_progress(plan.agent, call_ids(self._chat_ctx)),
        )
        made.think(told, offered(tools, running), ModelSettings(tool_choice=choice))
        made.synthesize()
        return made

    async def _perform(self, tools: ToolContext, choice: NotGivenOr[ToolChoice]) -> PassEnd:
        bench, speech = self._bench, self._speech
        async with bench.mouth.floor(speech, self._priority()) as granted:
            if not granted:
                return PassEnd.INTERRUPTED
            self._has_floor = True
            bench.turns.speech_thinking(speech)
            if self._pass is None:
                self._chat_ctx = self._plan.agent.chat_ctx.copy()
                self._pass = self._begin_pass(tools, choice)
            try:
                return await self._pass.perform(speech, lambda call: self._begin_call(call, tools))
            finally:
                self._has_floor = False

    def _begin_call(self, call: FunctionCall, tools: ToolContext) -> ToolCallRun:
        # Some servers name none of their calls, or begin anew with each reply; outputs are found
        # by these names.
        known = call_ids(self._chat_ctx) | {run.call.call_id for run in self._bench.runner.ledger}
        if not call.call_id or call.call_id in known:
            call = replace(call, call_id=shortuuid("call_"))
        return self._tools.begin(call, tools)

    def _priority(self) -> int:
        # What tools have found goes before what was asked for meanwhile.
        first = self._speech.num_steps == 1
        return SpeechHandle.SPEECH_PRIORITY_NORMAL + (0 if first else 1)

    def _keep_words(self, step: ReplyPass, end: PassEnd) -> None:
        """Put what was heard into the history; raises what the model failed of."""
        plan = self._plan
        message = assistant_message(
            step.delivery,
            interrupted=end is PassEnd.INTERRUPTED,
            models=plan.setting.models,
            thought=step.thought,
            timing=plan.timing if self._speech.num_steps == 1 else None,
        )
        if message is not None:
            self._keep([message])
        if step.thought.error is None and step.thought.first_at is not None:
            self._bench.faults.worked("llm")
        if end is PassEnd.DONE and step.thought.error is None and not step.gave_something:
            self._tell_empty()
        if step.thought.error is not None and end is PassEnd.DONE:
            self._bench.faults.failed("llm", step.thought.error, plan.setting.models.llm)
            raise step.thought.error

    def _tell_empty(self) -> None:
        speech, said = self._speech, self._chat_ctx.messages()
        logger.warning(
            "the model was asked and gave nothing: nothing is said",
            extra={"action": "reply_empty", "speech_id": speech.id, "step": speech.num_steps},
        )
        answers = speech.turn_id is not None or self._plan.user_message is not None
        was_heard = any(isinstance(item, ChatMessage) for item in speech.chat_items)
        if answers and not was_heard:
            asked = [message.text_content for message in said if message.role == "user"]
            self._bench.emit(
                UserTurnDroppedEvent(
                    reason=DropReason.EMPTY_REPLY, transcript=(asked[-1] or "") if asked else ""
                )
            )

    # -- what follows ---------------------------------------------------------------------

    def _next_choice(self, answers: list[ToolAnswer]) -> NotGivenOr[ToolChoice]:
        if self._tools.must_answer(answers) or self._plan.tool_choice == "none":
            return "none"
        return NOT_GIVEN  # a model that was made to call a tool has done so

    def _keep(self, items: Sequence[ChatItem]) -> None:
        self._bench.log.add_all(items, self._plan.agent, self._speech)
        self._chat_ctx.items.extend(items)


def _stages_of(step: ReplyPass) -> dict[str, str]:
    thought, delivery = step.thought, step.delivery
    if thought.first_at is None:
        llm = "no answer" if thought.ended_at is None else "ended without an answer"
    else:
        llm = "answering" if thought.ended_at is None else "done"
    audible = delivery.first_audible_at is not None
    return {
        "llm": f"{llm} for {now() - thought.began_at:.1f} s",
        "tts": "has spoken" if delivery.tts_ttfb is not None else "no audio",
        "output": "was heard" if audible else "nothing was heard",
    }
