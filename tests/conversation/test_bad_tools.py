"""Tools that fail, hang or give nonsense, and calls that can't be made (docs/bad-input.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from agentd.errors import ToolError
from agentd.llm import (
    ChatChunk,
    ChatRequest,
    ChoiceDelta,
    FunctionCall,
    FunctionCallOutput,
    function_tool,
)
from agentd.llm.outputs import INTERNAL_ERROR, MAX_OUTPUT_CHARS
from agentd.llm.stream import MAX_REPLY_CALLS
from agentd.testing import FakeCall, FakeLLM, FakeReply, Fault, Misbehaviour, Scene
from agentd.voice.agent import Agent
from agentd.voice.context import RunContext
from agentd.voice.events import ToolCallEnded, ToolExecutionUpdatedEvent
from tests.support.scenes import Kept, asked, lines, play

LOOP: list[Any] = []
LOOP.append(LOOP)


class Odd(Agent):
    """Has a tool for everything that can go wrong."""

    def __init__(self) -> None:
        super().__init__(instructions="x")
        self.calls: list[str] = []

    @function_tool
    async def good(self) -> str:
        """Works."""
        self.calls.append("good")
        return "done"

    @function_tool
    async def typed(self, number: int) -> str:
        """Wants a number."""
        self.calls.append("typed")
        return f"{number}"

    @function_tool
    async def raises(self) -> str:
        """Does not work."""
        raise KeyError("secret")

    @function_tool
    async def exits(self) -> str:
        """Would end the process."""
        raise SystemExit(3)

    @function_tool
    async def cancels(self) -> str:
        """Awaits something that was cancelled."""
        raise asyncio.CancelledError

    @function_tool
    async def half(self) -> str:
        """Explains itself with half a character."""
        raise ToolError("no \ud83d")

    @function_tool
    async def wordless(self) -> str:
        """Explains itself with what is no text."""
        raise ToolError({"code": 3})  # type: ignore[arg-type]  # as users do

    @function_tool
    async def hangs(self) -> str:
        """Never ends."""
        await asyncio.get_running_loop().create_future()
        return "never"

    @function_tool
    async def gives_object(self) -> object:
        """Returns what has no form as text."""
        return object()

    @function_tool
    async def gives_loop(self) -> object:
        """Returns what contains itself."""
        return LOOP

    @function_tool
    async def gives_half(self) -> str:
        """Returns half a character."""
        return "\ud83d"

    @function_tool
    async def gives_book(self) -> str:
        """Returns more than a model takes."""
        return "x" * (MAX_OUTPUT_CHARS + 1)

    @function_tool
    async def tells_half(self, ctx: RunContext[Any]) -> str:
        """Tells half a character while it works."""
        await ctx.update("so \ud83d")
        await asyncio.sleep(1.0)
        return "done"


def call_of(call: FakeCall, *, then: str = "Sorry.", **kwargs: Any) -> tuple[Scene, Kept, Odd]:
    """A reply that makes a call and then says something."""
    agent, kept = Odd(), Kept(asked())
    scene = play(kept, agent, llm=FakeLLM([call, then]), host=kept.host, **kwargs)
    return scene, kept, agent


def outputs(scene: Scene) -> list[FunctionCallOutput]:
    """What tools have answered, as the history has it."""
    return [item for item in scene.session.history.items if isinstance(item, FunctionCallOutput)]


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("raises", INTERNAL_ERROR),
        ("exits", INTERNAL_ERROR),
        ("cancels", "The tool was cancelled."),
        ("half", "no \ufffd"),
        ("wordless", "{'code': 3}"),
    ],
)
def test_a_tool_that_raises_is_an_error_for_the_model(tool: str, told: str) -> None:
    """Whatever it raises: the user gets an answer, the conversation goes on and is remembered."""
    scene, kept, _ = call_of(FakeCall(tool))

    assert [(made.output, made.is_error) for made in outputs(scene)] == [(told, True)]
    assert scene.history()[-1] == "assistant: Sorry."
    assert kept.snapshot.history[-1].id == scene.session.history.items[-1].id


@pytest.mark.parametrize("tool", ["raises", "exits"])
def test_what_a_tool_raised_is_in_the_log(tool: str, caplog: pytest.LogCaptureFixture) -> None:
    """With its name, and for a developer: the model is not told what it was."""
    call_of(FakeCall(tool))

    [line] = lines(caplog, "tool_failed")
    assert vars(line)["tool"] == tool
    assert line.exc_info


def test_a_tool_that_hangs_is_bridged_and_then_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """After 8 s the user is told to wait, after 60 s the model is told that it has no result."""
    ended: list[tuple[float, str]] = []

    async def scenario(scene: Scene) -> None:
        scene.session.on("tool_execution_updated", note)
        await scene.session.generate_reply(user_input="Go.")

    def note(event: ToolExecutionUpdatedEvent) -> None:
        if isinstance(event.update, ToolCallEnded):
            ended.append((asyncio.get_running_loop().time(), event.update.status))

    scene = play(scenario, Odd(), llm=FakeLLM([FakeCall("hangs"), "It does not work."]))

    assert scene.timed("dead air")[0] == (8.0, "dead air: filler")
    assert ended == [(60.0, "error")]
    assert [vars(line)["seconds"] for line in lines(caplog, "tool_timeout")] == [60.0]
    assert "outcome is unknown" in outputs(scene)[0].output
    assert scene.history()[-1] == "assistant: It does not work."


@pytest.mark.parametrize("tool", ["gives_object", "gives_loop", "gives_half"])
def test_a_result_that_can_not_be_encoded_is_an_error_for_the_model(
    tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is told no more than that; the log says of which tool, and why."""
    scene, kept, _ = call_of(FakeCall(tool))

    [line] = lines(caplog, "tool_result_unusable")
    assert vars(line)["tool"] == tool
    assert [(made.output, made.is_error) for made in outputs(scene)] == [(INTERNAL_ERROR, True)]
    assert scene.history()[-1] == "assistant: Sorry."
    assert len(kept.snapshot.history) == len(scene.session.history.items)


def test_a_result_as_long_as_a_book_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """No model takes it, and no snapshot has room for it; the model is told how long it may be."""
    scene, _, _ = call_of(FakeCall("gives_book"))

    assert len(lines(caplog, "tool_result_unusable")) == 1
    assert outputs(scene)[0].output == "The result is too long: 500001 characters, 500000 at most."
    assert outputs(scene)[0].is_error


def test_an_update_with_half_a_character_is_mended() -> None:
    """It is in the history, and the history is remembered."""
    agent, kept = Odd(), Kept(asked())
    llm = FakeLLM([FakeCall("tells_half"), "Wait.", "Done."])

    scene = play(kept, agent, llm=llm, host=kept.host)

    assert [made.output for made in outputs(scene)] == ["so \ufffd", "done"]
    assert len(kept.snapshot.history) == len(scene.session.history.items)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (FakeCall("fly"), "There is no tool 'fly'. The tools are: "),
        (FakeCall("fly\ud83d"), "There is no tool 'fly\ufffd'. The tools are: "),
        (FakeCall(""), "There is no tool ''. The tools are: "),
        (FakeCall("typed", {}), "number"),
        (FakeCall("typed", {"number": "many"}), "number"),
        (FakeCall("typed", '{"number": 1'), "1"),
        (FakeCall("typed", '{"number": "1'), "The arguments are cut off"),
        (FakeCall("typed", "[1]"), "The arguments must be a JSON object"),
        (FakeCall("typed", "\ud83d"), "The arguments must be a JSON object"),
        (FakeCall("typed", "[" * 5000), "The arguments must be a JSON object"),
    ],
)
def test_a_call_that_can_not_be_made_is_told_to_the_model(call: FakeCall, told: str) -> None:
    """An unknown tool, arguments that are none: it may try again; the event has what it is told."""
    scene, kept, _ = call_of(call)

    [answer] = outputs(scene)
    assert told in answer.output
    assert scene.lines("tools")[0].endswith(answer.output)
    assert scene.history()[-1] == "assistant: Sorry."
    assert len(kept.snapshot.history) == len(scene.session.history.items)


def test_calls_of_a_reply_that_fails_are_remembered() -> None:
    """What was called was called: the model is told when it is asked next, and the user that
    something went wrong."""
    agent = Odd()
    calls = FakeReply(calls=(FakeCall("good"), FakeCall("good")))
    llm = FakeLLM([calls], default="Fine.", faults=[Fault(kind=Misbehaviour.RAISE, after=1)])

    scene = play(asked(10.0, "Go.", "And?"), agent, llm=llm)

    assert agent.calls == ["good"]
    assert [made.output for made in outputs(scene)] == ["done"]
    assert [type(item) for item in llm.requests[1].chat_ctx.items].count(FunctionCall) == 1
    assert scene.lines("error") == ["error: LLMError APIConnectionError"]
    assert scene.history()[2].startswith("assistant: I'm sorry")
    assert scene.history()[-1] == "assistant: Fine."


def test_a_model_that_calls_without_end_is_given_up() -> None:
    """After as many calls as no plan has."""
    agent = Odd()
    calls = FakeReply(calls=(FakeCall("good"),))
    llm = FakeLLM([calls], faults=[Fault(kind=Misbehaviour.NEVER_FINISH, after=1)])

    scene = play(asked(), agent, llm=llm)

    assert len(agent.calls) == MAX_REPLY_CALLS
    assert len(outputs(scene)) == MAX_REPLY_CALLS
    assert scene.lines("error") == ["error: LLMError ReplyTooLong"]
    assert scene.history()[-1].startswith("assistant: I'm sorry")


class NamesAlike(FakeLLM):
    """Gives all its calls one name, as some servers do."""

    def __init__(self, call_id: str, replies: Sequence[str | FakeCall | FakeReply]) -> None:
        super().__init__(replies)
        self._call_id = call_id

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield self._renamed(chunk)

    def _renamed(self, chunk: ChatChunk) -> ChatChunk:
        if chunk.delta is None or not chunk.delta.tool_calls:
            return chunk
        calls = [replace(call, call_id=self._call_id) for call in chunk.delta.tool_calls]
        return replace(chunk, delta=ChoiceDelta(tool_calls=calls))


@pytest.mark.parametrize("call_id", ["", "call_0"])
def test_calls_of_one_name_are_told_apart(call_id: str) -> None:
    """Some servers name no call, or begin anew with each reply: each output has its own call."""
    typed = [FakeCall("typed", {"number": number}) for number in range(3)]
    llm = NamesAlike(call_id, [FakeReply(calls=tuple(typed[:2])), "Two.", typed[2], "Three."])

    scene = play(asked(9.0, "Go.", "And?"), Odd(), llm=llm)

    made = outputs(scene)
    calls = [item for item in scene.session.history.items if isinstance(item, FunctionCall)]
    assert [output.output for output in made] == ["0", "1", "2"]
    assert [output.call_id for output in made] == [call.call_id for call in calls]
    assert len({call.call_id for call in calls}) == 3
