"""The end of a session, in whatever it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.errors import SessionError
from agentd.llm import Toolset, function_tool
from agentd.llm.items import ChatMessage
from agentd.testing import (
    FakeCall,
    FakeHost,
    FakeLLM,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    Misbehaviour,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.context import RunContext
from agentd.voice.engine.closing import STEP_TIMEOUT
from agentd.voice.host import hosting
from agentd.voice.session import AgentSession
from agentd.voice.snapshot import decode

SAYING = "A sentence of forty characters, exactly."
"""Two seconds of speech."""


class Leaving(Agent):
    """Says goodbye."""

    async def on_exit(self) -> None:
        await self.session.say("Goodbye.")


def on(scenario: Callable[[Scene], Awaitable[None]], *args: Any, **kwargs: Any) -> Scene:
    """The scene after a scenario; nothing may be left of it then."""

    async def run() -> Scene:
        defaults = {
            "tts": FakeTTS(),
            "vad": FakeVAD(),
            "stt": FakeSTT(["hello"]),
            "llm": FakeLLM(default=SAYING),
            "user_away_timeout": None,
        }
        scene = Scene(*args, **{**defaults, **kwargs})
        async with scene:
            await scenario(scene)
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert {task.get_name() for task in left} == set()
        return scene

    return run_virtual(run())


async def closed(scene: Scene, *, within: float) -> None:
    """Close it, and see that it takes no longer."""
    began = now()
    await scene.session.aclose()
    assert now() - began <= within
    assert scene.lines("close") == ["close: user_initiated"]


async def idle(scene: Scene) -> None:
    """Nothing is going on."""
    await scene.until(1.0)


async def listening(scene: Scene) -> None:
    """The user speaks."""
    scene.mic.speak(3.0)
    await scene.until(1.0)


async def thinking(scene: Scene) -> None:
    """The model has been asked."""
    scene.session.generate_reply(user_input="Hello?")
    await scene.until(0.5)


async def speaking(scene: Scene) -> None:
    """The agent speaks."""
    scene.session.say(SAYING)
    await scene.until(0.5)


async def queued(scene: Scene) -> None:
    """More is waiting to be said, some of it protected."""
    scene.session.say(SAYING)
    scene.session.say(SAYING, allow_interruptions=False)
    await scene.until(0.5)


async def paused(scene: Scene) -> None:
    """The agent is held, since the user speaks over it."""
    scene.session.say(SAYING)
    scene.mic.speak(5.0, start_in=0.2)
    await scene.until(1.0)


async def handing_over(scene: Scene) -> None:
    """Another agent is about to take over."""
    scene.session.say(SAYING)
    scene.session.update_agent(Agent(instructions="y", id="other"))
    await scene.until(0.5)


@pytest.mark.parametrize(
    "phase", [idle, listening, thinking, speaking, queued, paused, handing_over]
)
def test_closing_takes_little_time_whatever_is_going_on(
    phase: Callable[[Scene], Awaitable[None]],
) -> None:
    """What is said is cut off; only words of the user's are waited for, two seconds at most."""

    async def scenario(scene: Scene) -> None:
        await phase(scene)
        await closed(scene, within=2.2)

    on(scenario, llm=FakeLLM(default=SAYING, ttft=5.0))


def test_closing_while_a_model_hangs() -> None:
    """Nobody waits for it."""

    async def scenario(scene: Scene) -> None:
        handle = scene.session.generate_reply(user_input="Hello?")
        await scene.until(1.0)
        await closed(scene, within=0.1)
        assert handle.done()

    on(scenario, llm=FakeLLM(faults=[Misbehaviour.HANG]))


def test_closing_while_a_tool_works() -> None:
    """It is cancelled."""
    seen: list[str] = []

    @function_tool
    async def work() -> str:
        """Work."""
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "done"

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Work!")
        await scene.until(1.0)
        await closed(scene, within=0.1)

    on(scenario, Agent(instructions="x", tools=[work]), llm=FakeLLM([FakeCall("work")]))

    assert seen == ["cancelled"]


def test_closing_while_another_speaks_over_a_reply_whose_tool_works() -> None:
    """Neither is waited for."""

    @function_tool
    async def work(ctx: RunContext[Any]) -> str:
        """Work, and talk meanwhile."""
        await ctx.session.say(SAYING)
        await asyncio.sleep(60.0)
        return "done"

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Work!")
        await scene.until(1.0)
        await closed(scene, within=0.1)

    on(scenario, Agent(instructions="x", tools=[work]), llm=FakeLLM([FakeCall("work")]))


def test_the_agent_may_say_goodbye() -> None:
    """`on_exit` speaks, also where the session is closed at once."""

    async def scenario(scene: Scene) -> None:
        scene.session.say(SAYING)
        await scene.until(0.5)
        await scene.session.aclose()

    scene = on(scenario, Leaving(instructions="x"))

    assert scene.history()[-1] == "assistant: Goodbye."
    assert [s.interrupted for s in scene.loudspeaker.segments] == [True, False]


def test_a_shutdown_lets_what_is_said_come_to_its_end() -> None:
    """Unless told otherwise."""

    async def scenario(scene: Scene) -> None:
        scene.session.say(SAYING)
        await scene.until(0.5)
        scene.session.shutdown()
        await scene.until(5.0)

    scene = on(scenario)

    assert [s.interrupted for s in scene.loudspeaker.segments] == [False]
    assert scene.timed("close") == [(2.0, "close: user_initiated")]


def test_the_users_last_words_are_remembered() -> None:
    """What was said while the session closes is in the history, unanswered."""

    async def scenario(scene: Scene) -> None:
        scene.mic.speak(1.0)
        await scene.until(1.3)
        await scene.session.aclose()

    scene = on(scenario)

    assert scene.history()[1:] == ["user: hello"]


def test_closing_may_be_repeated() -> None:
    """Also at the same time: there is one close, and one event."""

    async def scenario(scene: Scene) -> None:
        await asyncio.gather(*(scene.session.aclose() for _ in range(3)))
        await scene.session.aclose()

    assert on(scenario).lines("close") == ["close: user_initiated"]


def test_a_tool_may_close_the_session() -> None:
    """As one that ends a call does; it is cancelled with it."""

    @function_tool
    async def hang_up(ctx: RunContext[Any]) -> str:
        """End the call."""
        await ctx.session.aclose()
        return "never"

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Bye.")
        await scene.until(2.0)

    scene = on(
        scenario, Agent(instructions="x", tools=[hang_up]), llm=FakeLLM([FakeCall("hang_up")])
    )

    assert scene.timed("close")[0][0] < 0.5


def test_a_tool_may_shut_the_session_down_after_a_word() -> None:
    """The reply is heard, then it closes."""

    @function_tool
    async def hang_up(ctx: RunContext[Any]) -> str:
        """End the call."""
        ctx.session.shutdown()
        return "say goodbye"

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Bye.")
        await scene.until(6.0)

    scene = on(
        scenario,
        Agent(instructions="x", tools=[hang_up]),
        llm=FakeLLM([FakeCall("hang_up"), "Goodbye now."]),
    )

    assert scene.history()[-1] == "assistant: Goodbye now."
    assert scene.lines("close") == ["close: user_initiated"]


def test_nothing_can_be_said_in_a_closed_session() -> None:
    """It says what is to be done."""

    async def scenario(scene: Scene) -> None:
        await scene.session.aclose()
        with pytest.raises(SessionError, match="start"):
            scene.session.say("Hello?")

    on(scenario)


def test_waiting_for_quiet_ends_with_the_session() -> None:
    """With an error, not for ever."""

    async def scenario(scene: Scene) -> None:
        scene.session.say(SAYING)
        asyncio.get_running_loop().call_later(0.5, scene.session.shutdown)
        with pytest.raises(SessionError, match="closing"):
            await scene.session.wait_for_idle()

    on(scenario)


def test_who_waits_for_a_speech_goes_on_when_the_session_closes() -> None:
    """The handle is done and interrupted."""

    async def scenario(scene: Scene) -> None:
        handle = scene.session.say(SAYING)
        asyncio.get_running_loop().call_later(0.5, lambda: scene.session.shutdown(drain=False))
        await handle
        assert handle.interrupted

    on(scenario)


def test_a_session_may_be_started_again() -> None:
    """It goes on with the history it had."""

    async def scenario(scene: Scene) -> None:
        await scene.session.say("One.")
        await scene.session.aclose()
        await scene.session.start(Agent(instructions="x"))
        await scene.session.say("Two.")

    assert on(scenario).history()[-1] == "assistant: Two."


def test_the_participant_leaving_closes_the_session() -> None:
    """With that as the reason."""

    async def scenario(scene: Scene) -> None:
        scene.session.say(SAYING)
        await scene.until(0.5)
        scene.session.participant_left("caller", "CLIENT_INITIATED")
        await scene.until(1.0)

    assert on(scenario).lines("close") == ["close: participant_disconnected"]


def test_a_room_that_is_gone_closes_the_session() -> None:
    """At once, and what nobody heard is not in the history."""

    async def scenario(scene: Scene) -> None:
        scene.session.say(SAYING)
        await scene.until(0.5)
        scene.session.room_lost()
        await scene.until(1.0)

    scene = on(scenario)

    assert scene.timed("close") == [(0.5, "close: participant_disconnected")]
    assert scene.history()[-1] == "assistant: A sentence /"


def test_a_room_that_is_gone_leaves_the_jobs_memory_alone() -> None:
    """Another process may have taken this one's place in the room, and go on with it."""
    host = FakeHost()

    async def scenario(scene: Scene) -> None:
        await scene.session.say(SAYING)
        scene.session.room_lost()
        await scene.until(5.0)

    scene = on(scenario, host=host)

    assert scene.lines("close") == ["close: job_shutdown"]
    assert [m.text_content for m in decode(host.kept).history if isinstance(m, ChatMessage)] == [
        SAYING
    ]


def test_a_room_that_does_not_let_go_holds_up_no_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step has its time, and the session is closed without it."""

    class Stuck:
        deletes_room = False

        async def start(self) -> None:
            """There is nothing to do."""

        async def aclose(self) -> None:
            await asyncio.get_running_loop().create_future()

    async def scenario() -> tuple[float, bool]:
        session: AgentSession[Any] = AgentSession(tts=FakeTTS())
        await session.start(Agent(instructions="x"), room=object())
        began = now()
        await session.aclose()
        return now() - began, session.is_running

    monkeypatch.setattr("agentd.voice.engine.lifetime.make_room_link", lambda *_: Stuck())

    assert run_virtual(scenario()) == (STEP_TIMEOUT, False)


def test_interrupting_a_session_that_is_closed_already_does_nothing() -> None:
    """As the room may, when a participant leaves meanwhile."""
    asked: list[bool] = []

    async def scenario(scene: Scene) -> None:
        scene.session.on("close", lambda _: asked.append(scene.session.interrupt().done()))

    on(scenario)

    assert asked == [True]


def test_a_room_that_can_not_be_joined_fails_the_start() -> None:
    """Nothing is left of it."""

    class NoRoom(FakeHost):
        async def connect(self) -> None:
            raise ConnectionError("no server")

    async def run() -> None:
        scene = Scene(text_only=True)
        with hosting(NoRoom()), pytest.raises(ConnectionError):
            await scene.session.start(scene.agent, room=object())
        assert scene.lines("close") == ["close: error"]
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert {task.get_name() for task in left} == set()

    run_virtual(run())


def test_a_start_that_fails_leaves_nothing_behind() -> None:
    """The error is raised, and the session can be started again."""

    class Broken(Agent):
        async def on_enter(self) -> None: ...

    class NoConnection(Toolset):
        async def setup(self) -> NoConnection:
            raise OSError("no connection")

    async def run() -> None:
        scene = Scene(Broken(instructions="x", tools=[NoConnection(id="t")]), text_only=True)
        with pytest.raises(OSError, match="no connection"):
            await scene.session.start(scene.agent)
        assert scene.lines("close") == ["close: error"]
        await scene.session.start(Agent(instructions="x"))
        await scene.session.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert {task.get_name() for task in left} == set()

    run_virtual(run())
