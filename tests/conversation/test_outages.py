"""When everything fails the agent says so, stays, and goes on by itself when it works again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.audio.pcm import Clip
from agentd.audio.wav import write_wav
from agentd.errors import AudioError, SessionError
from agentd.llm.fallback import FallbackAdapter
from agentd.resilience import BreakerPolicy
from agentd.testing import FakeHost, FakeLLM, FakeTTS, Misbehaviour, Scene
from agentd.voice.agent import Agent
from agentd.voice.events import OutageEndedEvent, OutageStartedEvent
from agentd.voice.options import OutageKind, OutageOptions, SessionConnectOptions
from agentd.voice.session import AgentSession

from .outage_world import BACK, BYE, CLIP_SECONDS, SORRY, World, clip, on

KINDS = ("llm", "stt", "tts", "realtime")
WAYS = ("tts", "clip", "text")
ROWS = [(kind, way) for kind in KINDS for way in WAYS if (kind, way) != ("tts", "tts")]
"""A TTS that is out can't apologise for itself."""
BY_US = ["close: user_initiated"]
"""The scene is over."""


def told(**other: Any) -> OutageOptions:
    """What the session is told to say."""
    return OutageOptions(**{"say": SORRY, "back": BACK, "goodbye": BYE, **other})


async def ask_until_it_closes(scene: Scene) -> None:
    """Again and again, while somebody listens."""
    try:
        for _ in range(9):
            await scene.session.generate_reply(user_input="hello")
    except SessionError:
        pass  # it closes, or is closed


def play(kind: str, way: str, *, recovers: bool, **options: Any) -> tuple[Scene, World]:
    """The user speaks at 5 s, of which a reply is not had before 20 s."""
    world = World()
    weather = world.weather(kind)
    audio = clip() if way == "clip" else None
    models = world.models(kind)
    if way == "text" and kind != "tts":
        models["tts"] = None

    async def talk(scene: Scene) -> None:
        if kind == "realtime":
            await scene.until(3.0)
            world.line.break_off()
        scene.mic.speak(1.0, start_in=5.0)
        await scene.until(20.0)
        weather.out = not recovers
        await scene.until(50.0)
        if recovers:
            scene.mic.speak(1.0, start_in=1.0)
        await scene.until(60.0)

    weather.out = kind != "realtime"
    return on(talk, on_outage=told(audio=audio, **options), **models), world


@pytest.mark.parametrize(("kind", "way"), ROWS)
def test_an_outage_is_apologised_for_once_and_gone_on_after(kind: str, way: str) -> None:
    """Whichever model is out, and however the user can be told; then all is in order."""
    scene, _ = play(kind, way, recovers=True)

    assert scene.lines("outage") == [f"outage: {kind}", f"outage over: {kind} recovered"]
    assert scene.lines("close") == BY_US
    assert scene.screen.segments.count(SORRY) == 1
    heard = [round(played.seconds, 2) for played in scene.loudspeaker.segments]
    spoken = {"tts": round(0.05 * len(SORRY), 2), "clip": CLIP_SECONDS}.get(way)
    assert spoken is None or heard.count(spoken) == 1
    assert scene.history()[-1] == (
        "assistant: Good day." if kind == "realtime" else "assistant: Hi."
    )
    assert SORRY not in " ".join(scene.history())


@pytest.mark.parametrize(("kind", "way"), ROWS)
def test_an_outage_that_does_not_end_ends_the_session(kind: str, way: str) -> None:
    """After the time that it is waited for, with a word, and the model's error as the reason."""
    scene, _ = play(kind, way, recovers=False, hold=30.0)

    assert scene.lines("outage", "close") == [
        f"outage: {kind}",
        f"outage over: {kind} gave_up",
        "close: error",
    ]
    assert scene.screen.segments[-1] == BYE
    began, ended = (at for at, _ in scene.timed("outage"))
    assert 30.0 <= ended - began < 33.0


def test_what_was_asked_is_answered_once() -> None:
    """By itself, when the model is back, before the user speaks again; he needs no other word."""
    scene, _ = play("llm", "tts", recovers=True)

    replies = [at for at, line in scene.timed("said assistant: Hi.")]
    assert len(replies) == 2  # the second is to the second question
    assert 20.0 < replies[0] < 32.0
    assert BACK not in scene.screen.segments
    assert scene.history()[1:] == [
        "user: hello",
        "assistant: Hi.",
        "user: are you there",
        "assistant: Hi.",
    ]


def test_what_was_asked_long_ago_is_not_answered() -> None:
    """The user is told that the agent is back."""
    scene, _ = play("llm", "tts", recovers=True, stale_after=10.0)

    assert scene.screen.segments.count(BACK) == 1
    assert len(scene.lines("said assistant: Hi.")) == 1


def test_a_user_who_speaks_again_is_told_again() -> None:
    """But not at once; and he is answered once, with all that he has said known."""
    world = World()
    world.llm_weather.out = True
    world.stt.texts[:] = ["one", "two", "three"]

    async def talk(scene: Scene) -> None:
        for start in (1.0, 6.0, 25.0):
            scene.mic.speak(1.0, start_in=start)
        await scene.until(35.0)
        world.llm_weather.out = False
        await scene.until(60.0)

    scene = on(talk, on_outage=told(), **world.models("llm"))

    assert scene.screen.segments == [SORRY, SORRY, "Hi."]
    assert scene.history()[1:] == ["user: one", "user: two", "user: three", "assistant: Hi."]
    assert scene.lines("dead air", "close") == BY_US
    assert scene.session.usage.outages == 0  # it is closed; see the test of usage


def test_what_is_said_to_a_deaf_agent_is_heard_later() -> None:
    """An STT that is out is not asked in vain: what the user says waits for it."""
    scene, world = play("stt", "tts", recovers=True)

    assert len(scene.lines("error")) == 1
    assert "user: hello" in scene.history()
    assert scene.lines("said user: hello")
    assert world.stt_weather.calls < 12


def test_a_model_without_a_circuit_ends_the_session_as_ever() -> None:
    """Row 114: closed by the fourth failure in a row, whatever is said about outages."""
    llm = FakeLLM(faults=[Misbehaviour.RAISE] * 9)

    async def talk(scene: Scene) -> None:
        await ask_until_it_closes(scene)

    scene = on(talk, llm=llm, tts=FakeTTS(), on_outage=told())

    assert scene.lines("outage") == []
    assert scene.lines("close") == ["close: error"]
    assert len(scene.lines("error")) == 4


def test_an_outage_is_not_waited_for_where_that_is_not_wanted() -> None:
    """With `hold=0.0` failures are counted as ever."""
    world = World()
    world.llm_weather.out = True

    async def talk(scene: Scene) -> None:
        await ask_until_it_closes(scene)

    scene = on(talk, on_outage=told(hold=0.0), **world.models("llm"))

    assert scene.lines("outage") == []
    assert scene.lines("close") == ["close: error"]


def test_when_all_of_several_models_are_out_the_first_that_is_back_answers() -> None:
    """A fallback adapter has no circuit of its own, but its models have."""
    world, other = World(), World()
    other.llm = FakeLLM(default="Hi from the other.", circuit="elsewhere/llm")
    other.llm.faults = other.llm_weather
    world.llm_weather.out = other.llm_weather.out = True
    both = FallbackAdapter([world.llm, other.llm])

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(20.0)
        other.llm_weather.out = False
        await scene.until(60.0)
        await both.aclose()

    scene = on(talk, on_outage=told(), **{**world.models("llm"), "llm": both})

    assert scene.lines("outage") == ["outage: llm", "outage over: llm recovered"]
    assert scene.history()[1:] == ["user: hello", "assistant: Hi from the other."]


def test_when_voice_and_model_are_out_there_is_one_apology() -> None:
    """Of two outages at once the second is not told again; what is said is the clip."""
    world = World()
    world.llm_weather.out = world.tts_weather.out = True

    async def talk(scene: Scene) -> None:
        await scene.session.say("Welcome.")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(12.0)
        world.llm_weather.out = world.tts_weather.out = False
        await scene.until(40.0)

    scene = on(talk, on_outage=told(audio=clip()), **world.models("llm"))

    assert scene.lines("outage: ") == ["outage: tts", "outage: llm"]
    assert scene.screen.segments.count(SORRY) == 1
    assert round(scene.loudspeaker.segments[0].seconds, 2) == CLIP_SECONDS
    assert scene.history()[1:] == ["assistant: Welcome.", "user: hello", "assistant: Hi."]


def test_an_outage_is_told_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By two events, in the session's usage, and by lines that say what comes next."""
    world = World()
    world.llm_weather.out = True
    events: list[Any] = []
    usages: list[Any] = []

    async def talk(scene: Scene) -> None:
        for name in ("outage_started", "outage_ended"):
            scene.session.on(name, events.append)
        await scene.session.generate_reply(user_input="hello")
        await scene.until(10.0)
        world.llm_weather.out = False
        await scene.until(30.0)
        usages.append(scene.session.usage)

    with caplog.at_level(logging.INFO):
        on(talk, on_outage=told(), **world.models("llm"))

    started, ended = events
    assert isinstance(started, OutageStartedEvent)
    assert (started.kind, started.said, started.count) == ("llm", SORRY, 1)
    assert isinstance(ended, OutageEndedEvent)
    assert (ended.kind, ended.outcome) == ("llm", "recovered")
    assert usages[0].outages == 1
    assert usages[0].outage_seconds == pytest.approx(ended.seconds)
    lines = [r for r in caplog.records if getattr(r, "action", "").startswith("outage")]
    assert [r.action for r in lines] == ["outage_started", "outage_ended"]  # type: ignore[attr-defined]
    assert "300 s" in lines[0].next  # type: ignore[attr-defined]


def test_a_session_in_an_outage_goes_on_in_another_process() -> None:
    """With what the user has asked, which is answered there; the apology is no part of it."""
    world, host = World(), FakeHost()
    world.llm_weather.out = True

    left: list[bytes] = []

    async def until_it_dies(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(10.0)
        left.append(host.kept)

    on(until_it_dies, host=host, on_outage=told(), **world.models("llm"))

    async def again(scene: Scene) -> None:
        await scene.until(10.0)

    after = World()
    scene = on(again, host=FakeHost(left[0]), on_outage=told(), **after.models("llm"))

    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]
    assert scene.screen.segments == ["Hi."]


def test_a_session_that_goes_on_in_the_midst_of_an_outage_waits_for_it_too() -> None:
    """The other process learns of it by its first call, says so, and answers when it can."""
    world, host = World(), FakeHost()
    world.llm_weather.out = True

    left: list[bytes] = []

    async def until_it_dies(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(10.0)
        left.append(host.kept)

    on(until_it_dies, host=host, on_outage=told(), **world.models("llm"))
    after = World()
    after.llm_weather.out = True

    async def again(scene: Scene) -> None:
        await scene.until(10.0)
        after.llm_weather.out = False
        await scene.until(40.0)

    scene = on(again, host=FakeHost(left[0]), on_outage=told(), **after.models("llm"))

    assert scene.screen.segments == [SORRY, "Hi."]
    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]


@pytest.mark.parametrize("drain", [True, False])
def test_a_session_closes_in_an_outage_as_ever(drain: bool) -> None:
    """At once, or once the apology was heard; nothing is said or tried after it."""
    world = World()
    world.llm_weather.out = True

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="hello")
        await scene.until(0.3)
        scene.session.shutdown(drain=drain)
        await scene.until(20.0)

    scene = on(talk, on_outage=told(), **world.models("llm"))

    assert scene.lines("outage", "close") == [
        "outage: llm",
        "outage over: llm closed",
        "close: user_initiated",
    ]
    assert scene.timed("close")[0][0] == pytest.approx(0.9 if drain else 0.3, abs=0.11)
    assert world.llm_weather.calls == 1


def test_a_user_who_interrupts_the_apology_is_listened_to() -> None:
    """It is a speech as any other."""
    world = World()
    world.llm_weather.out = True

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="hello")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(8.0)

    scene = on(
        talk, on_outage=told(say="This is an apology that takes its time."), **world.models("llm")
    )

    assert scene.loudspeaker.segments[0].seconds < 1.9
    assert scene.history()[1:] == ["user: hello", "user: hello"]


def test_an_agent_with_another_model_is_not_held_up() -> None:
    """The app hands over to one whose model works, and the outage is over for the session."""
    world = World()
    world.llm_weather.out = True

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="hello")
        scene.session.update_agent(Agent(instructions="x", llm=FakeLLM(default="I can help.")))
        await scene.until(2.0)
        await scene.session.generate_reply(user_input="hello?")
        await scene.until(60.0)

    scene = on(talk, on_outage=told(hold=30.0), **world.models("llm"))

    assert scene.lines("outage", "close") == ["outage: llm", "outage over: llm replaced", *BY_US]
    assert scene.history()[-1] == "assistant: I can help."


def test_what_is_said_may_depend_on_what_is_out() -> None:
    """As by language, or by the kind of the model."""
    world = World()
    world.stt_weather.out = True
    asked: list[OutageKind] = []

    def say(kind: OutageKind) -> str:
        asked.append(kind)
        return "I can't hear you."

    async def talk(scene: Scene) -> None:
        await scene.until(5.0)

    scene = on(talk, on_outage=told(say=say), **world.models("stt"))

    assert asked == ["stt"]
    assert scene.screen.segments == ["I can't hear you."]


def test_an_app_that_can_not_say_what_to_say_costs_the_words_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The session stays all the same."""
    world = World()
    world.llm_weather.out = True

    def say(kind: OutageKind) -> str:
        raise ValueError(kind)

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="hello")
        await scene.until(2.0)
        world.llm_weather.out = False
        await scene.until(20.0)

    scene = on(talk, on_outage=told(say=say), **world.models("llm"))

    assert scene.screen.segments == ["Hi."]
    assert "outage_text_failed" in [getattr(r, "action", "") for r in caplog.records]


def test_the_clip_may_be_a_file_which_must_be_there(tmp_path: Path) -> None:
    """It is read when the session is made: better then than in the midst of an outage."""
    world = World()
    world.llm_weather.out = True
    path = tmp_path / "sorry.wav"
    samples = clip()[0].samples.reshape(-1)
    write_wav(path, Clip(samples=samples, sample_rate=16000))

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="hello")
        await scene.until(2.0)

    scene = on(talk, on_outage=told(audio=path), **world.models("llm"))

    assert [round(s.seconds, 2) for s in scene.loudspeaker.segments] == [0.1]
    with pytest.raises(AudioError):
        AgentSession(on_outage=OutageOptions(audio=tmp_path / "none.wav"))


def test_by_default_something_is_said() -> None:
    """livekit-agents says nothing; here silence has to be asked for."""
    world = World()
    world.llm_weather.out = True

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="hello")
        await scene.until(6.0)

    scene = on(talk, **world.models("llm"))
    assert scene.screen.segments == [OutageOptions().say]

    quiet = World()
    quiet.llm_weather.out = True
    scene = on(talk, on_outage=OutageOptions(say=None), **quiet.models("llm"))
    assert scene.screen.segments == []


def test_a_service_that_hangs_is_out_too() -> None:
    """The dead-air watchdog gives its calls up before their own deadline; they count all the same.

    By the fourth in a row, of the second question, the session stays and says so, and the question
    is answered when the service is back.
    """
    llm = FakeLLM(default="Hi.", faults=[Misbehaviour.HANG] * 4, circuit="cloud/llm")
    patient = SessionConnectOptions()

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="hello")
        await scene.until(20.0)
        scene.session.generate_reply(user_input="hello?")
        await scene.until(60.0)

    scene = on(
        talk, llm=llm, tts=FakeTTS(), conn_options=patient, policy=BreakerPolicy(), on_outage=told()
    )

    assert scene.lines("dead air") == [
        "dead air: retry",
        "dead air: apology",
        "dead air: retry",
        "dead air: outage",
    ]
    assert scene.lines("outage", "close") == ["outage: llm", "outage over: llm recovered", *BY_US]
    assert scene.screen.segments.count(SORRY) == 1
    assert scene.history()[-2:] == ["user: hello?", "assistant: Hi."]


def test_a_voice_that_hangs_is_out_too() -> None:
    """What it was to say is written, and soon it is not asked in vain any more."""
    tts = FakeTTS(faults=[Misbehaviour.HANG] * 6, circuit="cloud/tts")

    async def talk(scene: Scene) -> None:
        for _ in range(3):
            scene.session.generate_reply(user_input="hello")
            await scene.until(now() + 30.0)

    scene = on(
        talk,
        llm=FakeLLM(default="Hi."),
        tts=tts,
        conn_options=SessionConnectOptions(),
        policy=BreakerPolicy(in_a_row=2),
        on_outage=told(),
    )

    assert scene.lines("outage: ") == ["outage: tts"]
    assert scene.lines("close") == BY_US
