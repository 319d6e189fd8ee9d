"""Who may speak, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.testing.virtual_time import run_virtual
from agentd.voice.speaking.mouth import Mouth
from agentd.voice.speech import Speech, SpeechHandle

LOW = SpeechHandle.SPEECH_PRIORITY_LOW
NORMAL = SpeechHandle.SPEECH_PRIORITY_NORMAL
HIGH = SpeechHandle.SPEECH_PRIORITY_HIGH


class Stage:
    """A mouth at work, speeches with names, and a record of who spoke when."""

    def __init__(self, owner: TaskOwner, delay: float = 0.0) -> None:
        self.owner = owner
        self.record: list[tuple[float, str]] = []
        self.names: dict[str, str] = {}
        self.mouth = Mouth(self, delay=lambda: delay)
        self.work = owner.start(self.mouth.run(), name="mouth")

    def speech_scheduled(self, speech: Speech) -> None:
        self.record.append((now(), f"{self.names[speech.id]} scheduled"))

    def speech_left(self, speech: Speech) -> None:
        self.record.append((now(), f"{self.names[speech.id]} left"))

    def floor_changed(self) -> None: ...

    def speech(self, name: str) -> Speech:
        made = Speech(source="say")
        self.names[made.id] = name
        made.add_done_callback(lambda _: self.mouth.over(made))
        return made

    async def speak(self, speech: Speech, seconds: float, priority: int = NORMAL) -> None:
        async with self.mouth.floor(speech, priority) as granted:
            if granted:
                self.record.append((now(), f"{self.names[speech.id]} speaks"))
                await asyncio.wait({speech.interruption}, timeout=seconds)

    def say(self, name: str, seconds: float, priority: int = NORMAL) -> Speech:
        speech = self.speech(name)
        speech.start(self.owner, self.speak(speech, seconds, priority))
        return speech


def on_stage(
    scenario: Callable[[Stage], Awaitable[Any]], *, delay: float = 0.0
) -> list[tuple[float, str]]:
    """The record of a scenario, on the virtual clock."""

    async def run() -> list[tuple[float, str]]:
        async with TaskOwner("test") as owner:
            stage = Stage(owner, delay)
            await scenario(stage)
        return stage.record

    return run_virtual(run())


def spoken(record: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Who spoke, and when."""
    return [(at, what.split()[0]) for at, what in record if what.endswith("speaks")]


def test_one_speech_is_heard_after_the_other() -> None:
    """In the order in which they came."""

    async def scenario(stage: Stage) -> None:
        first, second = stage.say("first", 2.0), stage.say("second", 1.0)
        await first.wait()
        await second.wait()

    assert on_stage(scenario) == [
        (0.0, "first scheduled"),
        (0.0, "first speaks"),
        (2.0, "first left"),
        (2.0, "second scheduled"),
        (2.0, "second speaks"),
        (3.0, "second left"),
    ]


def test_priority_goes_before_time() -> None:
    """Among those that wait; who speaks is not cut off."""

    async def scenario(stage: Stage) -> None:
        speeches = [stage.say("now", 1.0)]
        await asyncio.sleep(0.5)
        speeches += [stage.say("low", 1.0, LOW), stage.say("normal", 1.0)]
        speeches += [stage.say("high", 1.0, HIGH), stage.say("later", 1.0)]
        for speech in speeches:
            await speech.wait()

    assert spoken(on_stage(scenario)) == [
        (0.0, "now"),
        (1.0, "high"),
        (2.0, "normal"),
        (3.0, "later"),
        (4.0, "low"),
    ]


def test_those_who_wait_are_told_in_their_order() -> None:
    """For `interrupt`, which goes through them."""

    async def scenario(stage: Stage) -> None:
        stage.say("now", 1.0)
        await asyncio.sleep(0.5)
        for name, priority in (("low", LOW), ("normal", NORMAL), ("high", HIGH)):
            stage.say(name, 1.0, priority)
        await asyncio.sleep(0.1)
        seen.extend(stage.names[speech.id] for speech in stage.mouth.waiting())

    seen: list[str] = []
    on_stage(scenario)

    assert seen == ["high", "normal", "low"]


def test_between_two_speeches_there_is_a_pause() -> None:
    """From the end of one to the start of the next; the first starts at once."""

    async def scenario(stage: Stage) -> None:
        stage.say("first", 1.0)
        await stage.say("second", 1.0).wait()
        await asyncio.sleep(5.0)
        await stage.say("third", 1.0).wait()

    assert spoken(on_stage(scenario, delay=0.7)) == [
        (0.0, "first"),
        (1.7, "second"),
        (7.7, "third"),
    ]


def test_the_next_step_of_a_speech_needs_no_pause() -> None:
    """It is the same speech."""

    async def scenario(stage: Stage) -> None:
        speech = stage.speech("both")
        await stage.speak(speech, 1.0)
        await stage.speak(speech, 1.0)

    assert spoken(on_stage(scenario, delay=0.7)) == [(0.0, "both"), (1.0, "both")]


def test_a_speech_that_is_interrupted_while_it_waits_is_never_heard() -> None:
    """Nor does turn-taking hear of it."""

    async def scenario(stage: Stage) -> None:
        first, second = stage.say("first", 2.0), stage.say("second", 1.0)
        await asyncio.sleep(1.0)
        second.interrupt()
        await first.wait()
        await second.wait()

    assert [what for _, what in on_stage(scenario)] == [
        "first scheduled",
        "first speaks",
        "first left",
    ]


def test_while_the_tools_of_a_speech_work_another_may_be_heard() -> None:
    """It is set aside, comes back to the front, and goes on when it is its turn."""

    async def with_tools(stage: Stage, speech: Speech) -> None:
        await stage.speak(speech, 1.0)
        await stage.say("meanwhile", 2.0).wait()
        await asyncio.sleep(1.0)
        await stage.speak(speech, 1.0)

    async def scenario(stage: Stage) -> None:
        speech = stage.speech("reply")
        speech.start(stage.owner, with_tools(stage, speech))
        await speech.wait()

    assert on_stage(scenario) == [
        (0.0, "reply scheduled"),
        (0.0, "reply speaks"),
        (1.0, "reply left"),
        (1.0, "meanwhile scheduled"),
        (1.0, "meanwhile speaks"),
        (3.0, "meanwhile left"),
        (3.0, "reply scheduled"),
        (4.0, "reply speaks"),
        (5.0, "reply left"),
    ]


def test_a_speech_stays_in_front_while_its_tools_work_and_nobody_else_speaks() -> None:
    """To turn-taking it is one speech from its first word to its last."""

    async def scenario(stage: Stage) -> None:
        speech = stage.speech("reply")
        await stage.speak(speech, 1.0)
        await asyncio.sleep(3.0)
        stage.record.append((now(), f"{stage.mouth.current is speech}"))
        await stage.speak(speech, 1.0)
        speech.finish()

    assert [what for _, what in on_stage(scenario)] == [
        "reply scheduled",
        "reply speaks",
        "True",
        "reply speaks",
        "reply left",
    ]


def test_a_mouth_that_is_restarted_goes_on_where_it_was() -> None:
    """Who speaks speaks on, who waits waits on."""

    async def scenario(stage: Stage) -> None:
        stage.say("first", 2.0)
        second = stage.say("second", 1.0)
        await asyncio.sleep(1.0)
        await cancel_and_wait(stage.work)
        await asyncio.sleep(0.5)
        stage.work = stage.owner.start(stage.mouth.run(), name="mouth again")
        await second.wait()

    assert spoken(on_stage(scenario)) == [(0.0, "first"), (2.0, "second")]


def test_a_speech_that_ends_while_it_is_set_aside_is_forgotten() -> None:
    """It does not come back to the front."""

    async def scenario(stage: Stage) -> None:
        reply = stage.speech("reply")
        await stage.speak(reply, 1.0)
        other = stage.say("other", 2.0)
        await asyncio.sleep(1.0)
        reply.finish()
        await other.wait()
        stage.record.append((now(), f"front {stage.mouth.current}"))

    assert [what for _, what in on_stage(scenario)][-3:] == [
        "other speaks",
        "other left",
        "front None",
    ]


def test_a_speech_whose_tool_talks_itself_is_not_in_front() -> None:
    """Not while others speak, not after them, until it wants the floor again."""

    async def scenario(stage: Stage) -> None:
        reply = stage.speech("reply")
        speaking = stage.owner.start(stage.speak(reply, 1.0), name="reply")
        await asyncio.sleep(0.5)
        stage.mouth.set_aside(reply)  # while it still has the floor
        await speaking
        await stage.say("task", 1.0).wait()
        await asyncio.sleep(1.0)
        stage.record.append((now(), f"front {stage.mouth.current}"))
        await stage.speak(reply, 1.0)
        reply.finish()

    assert on_stage(scenario) == [
        (0.0, "reply scheduled"),
        (0.0, "reply speaks"),
        (1.0, "reply left"),
        (1.0, "task scheduled"),
        (1.0, "task speaks"),
        (2.0, "task left"),
        (3.0, "front None"),
        (3.0, "reply scheduled"),
        (3.0, "reply speaks"),
        (4.0, "reply left"),
    ]
