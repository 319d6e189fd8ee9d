"""Agents as users write them. Only type-checked: `mypy --strict` has nothing to say of it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field

from agentd import (
    Agent,
    AgentServer,
    AgentSession,
    AgentTask,
    ChatContext,
    ChatMessage,
    CloseEvent,
    JobContext,
    ModelSettings,
    RunContext,
    ToolError,
    UserStateChangedEvent,
    function_tool,
    llm,
    stt,
    tts,
    vad,
)
from agentd.audio.frame import AudioFrame
from agentd.beta import EndCallTool
from agentd.voice.run_result import mock_tools


@dataclass
class Order:
    """What the app keeps."""

    items: list[str] = field(default_factory=list)
    name: str = ""


class AskName(AgentTask[str]):
    """A task with a result."""

    def __init__(self) -> None:
        super().__init__(instructions="Ask for the name.")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask for the user's name.")

    @function_tool
    async def record_name(self, context: RunContext[Order], name: str) -> None:
        """Record the name.

        Args:
            name: As the user said it.
        """
        context.userdata.name = name
        self.complete(name)


class Waiter(Agent):
    """Takes orders."""

    def __init__(self, chat_ctx: ChatContext | None = None) -> None:
        super().__init__(
            instructions="You are a waiter.",
            chat_ctx=chat_ctx,
            tools=[EndCallTool()],
            turn_handling={"endpointing": {"min_delay": 0.3, "max_delay": 2.0}},
        )

    async def on_enter(self) -> None:
        await self.session.say("Welcome!", allow_interruptions=False)

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        turn_ctx.add_message(role="system", content="Be quick.")

    @function_tool
    async def order(self, ctx: RunContext[Order], item: str, count: int = 1) -> str:
        """Order something."""
        if count > 9:
            raise ToolError("Nine at most.")
        ctx.disallow_interruptions()
        await ctx.update(f"ordering {item}")
        async with ctx.with_filler("One moment.", delay=2.0):
            ctx.userdata.items += [item] * count
        name = ctx.userdata.name or await AskName()
        return f"ordered for {name}"

    @function_tool
    async def pay(self) -> tuple[Agent, str]:
        """Pay."""
        return Waiter(chat_ctx=self.chat_ctx.copy(exclude_instructions=True)), "Thank you."

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterator[llm.ChatChunk | str]:
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            yield chunk

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncIterator[AudioFrame]:
        async for frame in Agent.default.tts_node(self, text, model_settings):
            yield frame


server = AgentServer()


async def talk(
    ctx: JobContext, model: llm.LLM, ears: stt.STT, voice: tts.TTS, detector: vad.VAD
) -> None:
    """An entrypoint's body."""
    session = AgentSession(
        stt=ears, llm=model, tts=voice, vad=detector, userdata=Order(), max_tool_steps=5
    )

    @session.on("user_state_changed")
    def user_state_changed(event: UserStateChangedEvent) -> None:
        if event.new_state == "away":
            session.generate_reply(instructions="Ask whether the user is still there.")

    session.on("close", closed)
    await session.start(agent=Waiter(), room=ctx.room)
    items: list[str] = session.userdata.items
    handle = session.generate_reply(user_input="Hello", tool_choice="none")
    await handle
    if handle.interrupted or not items:
        await session.interrupt()


def closed(event: CloseEvent) -> None:
    """The end."""
    if event.error is not None:
        raise RuntimeError(event.reason)


async def check(model: llm.LLM) -> None:
    """A test as users write them."""
    async with AgentSession(llm=model, userdata=Order()) as session:
        await session.start(Waiter())
        with mock_tools(Waiter, {"order": lambda item: f"no {item}"}):
            result = await session.run(user_input="Tea, please.")
        result.expect.next_event().is_function_call(name="order", arguments={"item": "tea"})
        result.expect.next_event(type="function_call_output")
        await result.expect.next_event().is_message(role="assistant").judge(model, intent="sorry")
        result.expect.no_more_events()
