"""Services that go out and come back on command, and a conversation that needs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np

from agentd.audio.frame import AudioFrame, from_samples
from agentd.errors import APIConnectionError, APIError
from agentd.resilience import APIConnectOptions, BreakerPolicy, circuits, forget_circuits
from agentd.testing import FakeLLM, FakeRealtime, FakeSTT, FakeTTS, FakeVAD, Fault, Misbehaviour
from agentd.testing.fake_realtime import FakeRealtimeSession
from agentd.testing.faults import FaultPlan
from agentd.testing.scene import Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.options import SessionConnectOptions

POLICY = BreakerPolicy(in_a_row=1, cooldown=4.0, longest_cooldown=8.0)
"""One failure tells; it is tried again within some seconds."""

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)
QUICK = SessionConnectOptions(stt_conn_options=ONCE, llm_conn_options=ONCE, tts_conn_options=ONCE)

SORRY = "Sorry, one moment."
BACK = "There I am."
BYE = "It is no use. Bye."
CLIP_SECONDS = 1.5


def clip() -> list[AudioFrame]:
    """A prepared apology."""
    times = np.arange(round(CLIP_SECONDS * 16000)) / 16000
    tone = np.rint(8000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)
    return [from_samples(tone[at : at + 1600], 16000) for at in range(0, len(tone), 1600)]


class Weather(FaultPlan):
    """Whether a service is out; each call fails while it is."""

    def __init__(self, *, out: bool = True) -> None:
        super().__init__()
        self.out = out
        self.calls = 0

    def next(self) -> Fault | None:
        """See the base class."""
        self.calls += 1
        return Fault(kind=Misbehaviour.RAISE) if self.out else None


class Line(FakeRealtime):
    """A realtime model whose connection fails while its service is out."""

    def __init__(self, weather: Weather, replies: Iterable[str], *, hears: Iterable[str]) -> None:
        super().__init__(replies, hears=hears, circuit="cloud/realtime")
        self.weather = weather

    def session(self) -> FakeRealtimeSession:
        """See the base class."""
        made = super().session()
        self._connect(made)
        return made

    def break_off(self) -> None:
        """The service goes out in the midst of a conversation."""
        self.weather.out = True
        self._connect(self.sessions[-1])

    def _connect(self, session: FakeRealtimeSession) -> None:
        try:
            with circuits().of(self.circuit).attempt() as attempt:
                if self.weather.next() is not None:
                    raise APIConnectionError("the line is dead")
                attempt.answered()
        except APIError as error:
            session.fail(error)


class World:
    """The models of a conversation, one of which may be out."""

    def __init__(self) -> None:
        self.llm_weather, self.stt_weather, self.tts_weather = (
            Weather(out=False) for _ in range(3)
        )
        self.llm = FakeLLM(default="Hi.", circuit="cloud/llm")
        self.stt = FakeSTT(["hello", "are you there"], circuit="cloud/stt")
        self.tts = FakeTTS(circuit="cloud/tts")
        self.llm.faults, self.stt.faults = self.llm_weather, self.stt_weather
        self.tts.faults = self.tts_weather
        self.line = Line(Weather(out=False), ["Good day.", "Hi."], hears=["good day", "hello"])

    def weather(self, kind: str) -> Weather:
        """That of a kind of model."""
        return {
            "llm": self.llm_weather,
            "stt": self.stt_weather,
            "tts": self.tts_weather,
            "realtime": self.line.weather,
        }[kind]

    def models(self, kind: str) -> dict[str, Any]:
        """What a session is given to try this kind of model."""
        voice = {"tts": self.tts, "vad": FakeVAD()}
        if kind == "realtime":
            return {**voice, "llm": self.line}
        return {**voice, "llm": self.llm, "stt": self.stt}


def on(
    scenario: Callable[[Scene], Awaitable[None]],
    *args: Any,
    policy: BreakerPolicy = POLICY,
    **kw: Any,
) -> Scene:
    """The scene after a scenario, all circuits of which are new."""

    async def run() -> Scene:
        forget_circuits(policy)
        defaults = {
            "user_away_timeout": None,
            "conn_options": QUICK,
            "turn_handling": {"preemptive_generation": {"enabled": False}},
        }
        async with Scene(*args, **{**defaults, **kw}) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())
