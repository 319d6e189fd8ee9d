"""agentd's contracts, kept by models of livekit.plugins behind the adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from livekit.plugins import deepgram, openai, silero
from openai.types.realtime.realtime_audio_input_turn_detection import SemanticVad

from agentd.llm import LLM
from agentd.realtime import RealtimeModel
from agentd.stt import STT
from agentd.testing import FakeCall, FakeTTS
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.tts import TTS
from agentd.vad import VAD
from agentd_livekit import wrap
from bridge_tests.deepgram_service import DeepgramService, serving
from bridge_tests.recogniser import Recogniser
from tests.plugins.llm_contract import LLMContract
from tests.plugins.realtime_contract import RealtimeContract, Scripted
from tests.plugins.stt_contract import STTContract
from tests.plugins.tts_contract import TTSContract
from tests.plugins.vad_contract import VADContract
from tests.support.mock_api import mock_in_a_thread
from tests.support.recordings import NAMES, WORDS

KEY = "sk-nobody"

made: list[Any] = []
"""Models of the current test."""


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """What a contract leaves open, as a job's end would close it."""
    yield
    while made:
        model = made.pop()
        await model.aclose()
        client = getattr(model.wrapped, "_client", None)
        if client is not None:  # livekit's openai.STT does not close its own
            await client.close()


def closing(plugin: Any, **options: Any) -> Any:
    """Wrapped, and closed after the test."""
    made.append(wrap(plugin, **options))
    return made[-1]


class Served:
    """With OpenAI's API mocked for each test, on a loop of its own."""

    api: MockOpenAI

    @pytest.fixture(autouse=True)
    def serve(self) -> Iterator[None]:
        """The mock, for the length of a test."""
        with mock_in_a_thread(self.prepare) as api:
            self.api = api
            yield

    def prepare(self, api: MockOpenAI) -> None:
        """Set its scripts."""


class TestOpenAILLM(Served, LLMContract):
    """livekit-plugins-openai by chat completions."""

    def make(self) -> LLM:
        """Of the mock."""
        llm: LLM = closing(openai.LLM(model="mock", base_url=self.api.base_url, api_key=KEY))
        return llm

    def make_failing(self) -> LLM:
        """The service is down."""
        self.api.chat.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=500))
        return self.make()

    def prepare(self, api: MockOpenAI) -> None:
        """It knows the contract's questions."""
        api.chat.script.set(
            by_input={
                self.question: "Hello to you too!",
                self.tool_question: FakeCall("get_weather", {"city": "Paris"}),
                "sunny in Paris": "It is sunny in Paris.",
            }
        )


class TestOpenAITTS(Served, TTSContract):
    """livekit-plugins-openai, which speaks whole texts."""

    def make(self) -> TTS:
        """Of a mock that hums."""
        plugin = openai.TTS(base_url=self.api.base_url, api_key=KEY, response_format="pcm")
        tts: TTS = closing(plugin)
        return tts

    def prepare(self, api: MockOpenAI) -> None:
        """It speaks as fast as a service does."""
        api.speech.tts = FakeTTS(latency=0.01, chunk_delay=0.001)


class TestOpenAISTT(Served, STTContract):
    """livekit-plugins-openai, which takes whole utterances."""

    most_errors = 0.0

    def make(self, *texts: str) -> STT:
        """Of a mock that hears these texts."""
        self.api.transcriptions.stt = Recogniser(texts, latency=0.01)
        stt: STT = closing(openai.STT(base_url=self.api.base_url, api_key=KEY))
        return stt


class TestDeepgramSTT(STTContract):
    """livekit-plugins-deepgram, which streams over a WebSocket."""

    most_errors = 0.0

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """A service that hears every recording, in the order of NAMES."""
        async with serving(DeepgramService(*(WORDS[name] for name in NAMES))) as self.service:
            yield

    def make(self, *texts: str) -> STT:
        """Of a service that hears these texts."""
        self.service.hears(*texts)
        stt: STT = closing(deepgram.STT(base_url=self.service.base_url, api_key=KEY))
        return stt


class TestSileroVAD(VADContract):
    """livekit-plugins-silero with its own model, heard to the end of what was pushed."""

    def make(self) -> VAD:
        """One that waits for its thread."""
        vad: VAD = wrap(silero.VAD.load(), patience=30.0)
        return vad


class TestOpenAIRealtime(RealtimeContract):
    """livekit-plugins-openai's speech-to-speech model."""

    @pytest.fixture
    async def service(self) -> AsyncIterator[None]:
        """The mock of it."""
        async with MockOpenAI() as self.api:
            yield

    def make(
        self,
        replies: Sequence[Scripted] = (),
        *,
        hears: Sequence[str] = (),
        takes_turns: bool = True,
        speaks: bool = True,
    ) -> RealtimeModel:
        """See the base class."""
        self.api.realtime.script.set(replies, hears=hears)
        turns = SemanticVad(type="semantic_vad") if takes_turns else None
        model: RealtimeModel = closing(
            openai.realtime.RealtimeModel(
                api_key=KEY,
                base_url=self.api.base_url,
                turn_detection=turns,
                modalities=["audio"] if speaks else ["text"],
            )
        )
        return model
