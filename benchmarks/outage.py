"""How long a caller waits when a provider is out: until the first sound that comes of the next one.

Sessions in this process, with a loudspeaker in memory, ask the openai plugin, which asks mocks of
the API over real sockets. The first service takes each request and says nothing; the second answers
at once. Each sample is the first of its outage: nobody has learnt of it yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from agentd.aio.timing import now
from agentd.llm import FallbackAdapter as LLMFallback
from agentd.realtime import RealtimeModelFallbackAdapter
from agentd.resilience.circuits import forget_circuits
from agentd.stt import FallbackAdapter as STTFallback
from agentd.testing import FakeLLM, FakeTTS, FakeVAD, Scene
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.testing.mock_openai.realtime_script import RealtimeFault, RealtimeFaultKind
from agentd.tts import FallbackAdapter as TTSFallback
from agentd_openai.llm import LLM
from agentd_openai.realtime import RealtimeModel
from agentd_openai.stt import STT
from agentd_openai.tts import TTS

from .bench import Bench
from .figures import Figure, median, spread

ATTEMPT = 1.0
"""Seconds that a provider has."""
AIM = 1200.0
DEADLINE = 20.0
KEY = "sk-nobody"
HANGS = HttpFault(kind=HttpFaultKind.SLOW_FIRST_BYTE, seconds=DEADLINE)
PAUSE = 60.0
"""Seconds before a service that has failed is probed: later than a sample ends."""

Sample = Callable[[MockOpenAI, MockOpenAI], Awaitable[list[float]]]


async def measure(bench: Bench) -> list[Figure]:
    """Each kind of provider in turn."""
    count = bench.samples(20, 3)
    figures: list[Figure] = []
    for kind, sample in SAMPLES.items():
        waits = [await _one(sample) for _ in range(count)]
        first = [1000 * wait[0] for wait in waits]
        figures.append(
            Figure(
                name=f"outage of {kind}, attempts of {ATTEMPT:g} s: to the fallback's sound, p50",
                unit="ms",
                ours=median(first),
                aim=AIM,
                note=spread(first, "ms"),
            )
        )
        if len(waits[0]) > 1:
            later = [1000 * wait[1] for wait in waits]
            figures.append(
                Figure(
                    name=f"outage of {kind}: the next turn, p50",
                    unit="ms",
                    ours=median(later),
                    note=spread(later, "ms"),
                )
            )
    return figures


async def _one(sample: Sample) -> list[float]:
    """Seconds that the first turn of an outage waited, and the second if that was tried."""
    forget_circuits()
    async with MockOpenAI() as first, MockOpenAI() as second, asyncio.timeout(DEADLINE):
        return await sample(first, second)


@asynccontextmanager
async def _speaking(**models: Any) -> AsyncIterator[Scene]:
    async with Scene(user_away_timeout=None, **models) as scene:
        yield scene
    for model in models.values():
        if hasattr(model, "aclose"):
            await model.aclose()


async def _turn(scene: Scene) -> float:
    """Ask for a reply; seconds until its first sound."""
    segments = scene.loudspeaker.segments
    known, asked_at = len(segments), now()
    await scene.session.generate_reply(user_input="What time is it?")
    return segments[known].started_at - asked_at


async def _llm(first: MockOpenAI, second: MockOpenAI) -> list[float]:
    first.chat.faults.always(HANGS)
    models = [LLM(model="mock", base_url=api.base_url, api_key=KEY) for api in (first, second)]
    adapter = LLMFallback(models, attempt_timeout=ATTEMPT, retry_interval=PAUSE)
    async with _speaking(llm=adapter, tts=FakeTTS()) as scene:
        waits = [await _turn(scene), await _turn(scene)]
    for model in models:
        await model.aclose()
    return waits


async def _tts(first: MockOpenAI, second: MockOpenAI) -> list[float]:
    first.speech.faults.always(HANGS)
    models = [TTS(base_url=api.base_url, api_key=KEY) for api in (first, second)]
    adapter = TTSFallback(
        models, attempt_timeout=ATTEMPT, max_retry_per_tts=0, retry_interval=PAUSE
    )
    async with _speaking(llm=FakeLLM(default="It is noon."), tts=adapter) as scene:
        waits = [await _turn(scene), await _turn(scene)]
    for model in models:
        await model.aclose()
    return waits


async def _stt(first: MockOpenAI, second: MockOpenAI) -> list[float]:
    """From the moment at which the first service has the utterance."""
    first.transcriptions.faults.always(HANGS)
    second.transcriptions.hears("hello")
    models = [STT(base_url=api.base_url, api_key=KEY) for api in (first, second)]
    vad = FakeVAD()
    adapter = STTFallback(
        models, vad=vad, attempt_timeout=ATTEMPT, max_retry_per_stt=0, retry_interval=PAUSE
    )
    asked, heard = asyncio.Event(), asyncio.Event()
    first.transcriptions.listeners.append(lambda _seen: asked.set())
    async with _speaking(
        stt=adapter, vad=vad, llm=FakeLLM(default="It is noon."), tts=FakeTTS()
    ) as scene:
        scene.loudspeaker.on("playback_started", lambda _event: heard.set())
        scene.mic.speak(0.5)
        await asked.wait()
        asked_at = now()
        await heard.wait()
        waits = [scene.loudspeaker.segments[0].started_at - asked_at]
    for model in models:
        await model.aclose()
    return waits


async def _realtime(first: MockOpenAI, second: MockOpenAI) -> list[float]:
    """The first is connected and takes what it is told, and no reply begins."""
    first.realtime.script.set(faults=[RealtimeFault(kind=RealtimeFaultKind.NEVER)] * 4)
    models = [RealtimeModel(base_url=api.base_url, api_key=KEY) for api in (first, second)]
    adapter = RealtimeModelFallbackAdapter(models, attempt_timeout=ATTEMPT, cooldown=PAUSE)
    async with _speaking(llm=adapter) as scene:
        await first.realtime.connected()
        waits = [await _turn(scene), await _turn(scene)]
    for model in models:
        await model.aclose()
    return waits


SAMPLES: dict[str, Sample] = {"LLM": _llm, "TTS": _tts, "STT": _stt, "realtime model": _realtime}
