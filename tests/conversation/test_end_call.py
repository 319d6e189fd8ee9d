"""The tool that ends a call."""

from __future__ import annotations

from typing import Any

from agentd.beta import EndCallTool
from agentd.testing import FakeCall, FakeHost, FakeLLM, FakeTTS, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent


def call(tool: EndCallTool, *replies: Any) -> tuple[Scene, FakeHost]:
    """The user says goodbye."""
    host = FakeHost()

    async def scenario() -> Scene:
        scene = Scene(
            Agent(instructions="x", tools=[tool]),
            llm=FakeLLM([FakeCall("end_call"), *replies]),
            tts=FakeTTS(),
            host=host,
        )
        async with scene:
            scene.session.generate_reply(user_input="Bye.")
            await scene.until(5.0)
        return scene

    return run_virtual(scenario()), host


def test_the_agent_says_goodbye_and_the_session_ends() -> None:
    """When that was heard; and the room is deleted."""
    scene, host = call(EndCallTool(), "Goodbye, and thank you!")

    assert scene.history()[-1] == "assistant: Goodbye, and thank you!"
    assert scene.lines("tools") == ["tools: end_call({}) = say goodbye to the user"]
    assert scene.lines("close") == ["close: user_initiated"]
    assert [s.interrupted for s in scene.loudspeaker.segments] == [False]
    assert host.deleted_rooms == 1


def test_the_room_may_be_left_as_it_is() -> None:
    """Others may go on in it."""
    _, host = call(EndCallTool(delete_room=False), "Goodbye!")

    assert host.deleted_rooms == 0


def test_nothing_need_be_said() -> None:
    """Without instructions the call ends at once."""
    scene, _ = call(EndCallTool(end_instructions=None))

    assert scene.lines("said assistant") == []
    assert scene.lines("close") == ["close: user_initiated"]


def test_callbacks_are_called_before_and_after() -> None:
    """Async ones are awaited."""
    seen: list[str] = []

    async def called(event: Any) -> None:
        seen.append(f"called {event.ctx.function_call.name}")

    tool = EndCallTool(on_tool_called=called, on_tool_completed=lambda _: seen.append("completed"))
    call(tool, "Goodbye!")

    assert seen == ["called end_call", "completed"]
