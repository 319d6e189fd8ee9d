"""One reply of a speech-to-speech model: what it says, what it calls, until it calls no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, within
from agentd.errors import ReplyTooLong
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.clean_text import clean
from agentd.llm.events import FunctionToolCall, ToolChoice
from agentd.llm.items import ChatItem, ChatMessage, FunctionCall
from agentd.llm.stream import MAX_REPLY_CALLS
from agentd.llm.toolset import ToolContext
from agentd.realtime.events import GenerationCreated, MessageGeneration
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.models import Setting
from agentd.voice.options import OutageKind
from agentd.voice.speech import Speech
from agentd.voice.tools.result import ToolAnswer
from agentd.voice.tools.run import ToolCallRun, names_of

from .delivery import Delivery
from .message import assistant_message
from .outlet import make_outlet
from .realtime_link import RealtimeLink
from .tool_rounds import ToolRounds

BEGIN_TIMEOUT = 10.0
"""Seconds that a realtime model has to begin a reply that was asked for."""

Begin = Callable[[], Awaitable[GenerationCreated]]


class RealtimePlan(Struct, frozen=True, kw_only=True, eq=False):
    """What is asked of a reply."""

    agent: Agent
    setting: Setting
    link: RealtimeLink
    tools: Callable[[], ToolContext]
    begin: Begin
    """Asks the model for the first step."""
    user_message: ChatMessage | None = None
    """What the user has written; it is put into the history first."""


class RealtimeReply:
    """The work on one reply. See `Reply`, which does the same with a model that writes."""

    def __init__(self, bench: Bench, plan: RealtimePlan, speech: Speech) -> None:
        self._bench = bench
        self._plan = plan
        self._speech = speech
        self._tools = ToolRounds(bench, plan.agent, plan.setting, speech, keep=self._keep)
        self._delivery: Delivery | None = None
        self._message_id = ""
        self._asked_at = now()
        self._has_floor = False

    async def run(self) -> None:
        """Reply. Raises what the model failed of."""
        plan = self._plan
        await self._bench.turns.cut_ones_ended(self._speech)
        if plan.user_message is not None:
            self._bench.log.add(plan.user_message, plan.agent)
            await plan.link.tell_chat_ctx()
        try:
            await self._steps(plan.begin)
        finally:
            # A model that fails after a call has called all the same: what comes of it is known.
            self._tools.leave()

    async def _steps(self, begin: Begin) -> None:
        link = self._plan.link
        while True:
            answers = await self._step(begin)
            if answers is None:
                return
            goes_on = self._tools.follow(answers)
            await link.tell_chat_ctx()
            if not goes_on or link.model.capabilities.auto_tool_reply_generation:
                return
            self._speech.num_steps += 1
            begin = self._next(answers)

    # -- for who watches it -----------------------------------------------------------------

    @property
    def tools_at_work(self) -> list[ToolCallRun]:
        """The calls that it waits for."""
        return self._tools.at_work

    def stages(self) -> dict[str, str]:
        """What each stage is doing, for people."""
        heard = self._delivery is not None and self._delivery.first_audible_at is not None
        stages = {
            "floor": "speaking" if self._has_floor else "waiting for its turn",
            "realtime": f"asked {now() - self._asked_at:.1f} s ago",
            "output": "was heard" if heard else "nothing was heard",
        }
        return stages | ({"tools": names_of(self.tools_at_work)} if self.tools_at_work else {})

    def can_retry(self) -> bool:
        """No: the model has a conversation of its own, which another question would be part of."""
        return False

    def retry(self) -> None:
        """Does nothing."""

    def waits_for(self) -> OutageKind | None:
        """None: its model knows by itself whether its line is dead."""
        return None

    def fail(self, error: Exception) -> None:
        """Does nothing."""

    def so_far(self, at: float) -> tuple[str, str]:
        """What was heard of the message up to an instant, and what is known of the rest."""
        return self._delivery.so_far(at) if self._delivery is not None else ("", "")

    # -- one step -----------------------------------------------------------------------------

    def _next(self, answers: Sequence[ToolAnswer]) -> Begin:
        choice: NotGivenOr[ToolChoice] = "none" if self._tools.must_answer(answers) else NOT_GIVEN
        return lambda: self._plan.link.session.generate_reply(tool_choice=choice)

    async def _step(self, begin: Begin) -> list[ToolAnswer] | None:
        async with self._bench.mouth.floor(self._speech) as granted:
            if not granted:
                return None
            self._has_floor, self._asked_at = True, now()
            self._bench.turns.speech_thinking(self._speech)
            try:
                async with TaskOwner("realtime reply") as owner:
                    whole = await self._perform(begin, owner)
            finally:
                self._has_floor = False
        if not whole:
            self._tools.leave()
            return None
        return await self._tools.answers()

    async def _perform(self, begin: Begin, owner: TaskOwner) -> bool:
        """Have a step said; says whether it came to its end."""
        acting = owner.start(self._act(begin, owner), name="acting", report=False)
        if await self._speech.unless_interrupted(acting):
            acting.result()
            return True
        await cancel_and_wait(acting)
        self._plan.link.session.interrupt()
        if self._delivery is not None:
            await self._delivery.cut()
            self._keep_words(interrupted=True)
        return False

    async def _act(self, begin: Begin, owner: TaskOwner) -> None:
        generation = await within(now() + BEGIN_TIMEOUT, begin())
        calling = owner.start(self._begin_calls(generation), name="calls", report=False)
        async for message in generation.message_stream:
            await self._say(message, owner)
        await calling

    async def _say(self, message: MessageGeneration, owner: TaskOwner) -> None:
        delivery = self._delivery = self._make_delivery(message)
        self._message_id = message.message_id
        owner.start(delivery.prepare(message.text_stream, owner), name="text")
        await delivery.play(self._speech, owner)
        self._keep_words(interrupted=message.cut_off)

    def _make_delivery(self, message: MessageGeneration) -> Delivery:
        bench, plan = self._bench, self._plan
        audio = None
        if "audio" in message.modalities:
            audio = plan.agent.realtime_audio_output_node(message.audio_stream, ModelSettings())
        return Delivery(
            make_outlet(plan.agent, plan.setting, bench.output, bench.rate, audio=audio),
            bench.stage,
            on_voice_failed=lambda error: self._voice_failed(error, own=audio is not None),
            on_sentence=bench.progress,
        )

    def _voice_failed(self, error: BaseException, *, own: bool) -> None:
        """`own`: it was the model that spoke, not a TTS for it."""
        faults, plan = self._bench.faults, self._plan
        if own:
            faults.failed("realtime", error, plan.link.model)
        else:
            faults.failed("tts", error, plan.setting.models.tts)

    def _keep_words(self, *, interrupted: bool) -> None:
        delivery, self._delivery = self._delivery, None
        if delivery is None:
            return
        message = assistant_message(
            delivery, interrupted=interrupted, models=self._plan.setting.models
        )
        if interrupted:
            self._truncate(delivery)
        if message is not None:
            message.id = self._message_id or message.id
            self._keep([message])

    def _truncate(self, delivery: Delivery) -> None:
        """Tell the model how much of its message was heard."""
        link = self._plan.link
        if not link.model.capabilities.message_truncation or not self._message_id:
            return
        link.session.truncate(
            message_id=self._message_id,
            modalities=("text", "audio"),
            audio_end=delivery.heard_seconds,
            transcript=delivery.text,
        )

    async def _begin_calls(self, generation: GenerationCreated) -> None:
        tools = self._plan.tools()
        made = 0
        async for call in generation.function_stream:
            made += 1
            if made > MAX_REPLY_CALLS:
                raise ReplyTooLong(
                    f"the model called more than {MAX_REPLY_CALLS} tools: the reply is given up"
                )
            self._tools.begin(_as_call(call), tools)

    def _keep(self, items: Sequence[ChatItem]) -> None:
        self._bench.log.add_all(items, self._plan.agent, self._speech)


def given(generation: GenerationCreated) -> Begin:
    """A first step that the model has begun by itself."""

    async def begin() -> GenerationCreated:
        return generation

    return begin


def _as_call(call: FunctionToolCall) -> FunctionCall:
    return FunctionCall(
        call_id=call.call_id,
        name=clean(call.name),
        arguments=clean(call.arguments),
        extra=call.extra,
    )
