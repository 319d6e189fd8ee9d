"""openai.STT and openai.TTS keep the contracts, against servers that speak the API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentd.models import RunnerThreads
from agentd.stt import STT
from agentd.testing.mock_openai import MockOpenAI
from agentd.tts import TTS
from agentd_moonshine import STT as Moonshine
from agentd_moonshine import MoonshineRunner
from agentd_openai import STT as OpenAISTT
from agentd_openai import TTS as OpenAITTS
from agentd_piper import TTS as Piper
from agentd_piper import PiperRunner, voice_settings
from tests.plugins.stt_contract import STTContract
from tests.plugins.tts_contract import TTSContract

pytestmark = pytest.mark.timeout(120)  # a test may load a model, and a busy machine is slow

KEY = "sk-test"


class Served:
    """With the mock running for each test, and models of agentd's behind it."""

    api: MockOpenAI

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """On a port of its own."""
        async with MockOpenAI() as self.api:
            self.prepare()
            yield

    def prepare(self) -> None:
        """Put the models behind it."""


class TestFilesByMoonshine(Served, STTContract):
    """Utterances by HTTP to a server with a real recogniser."""

    most_errors = 0.06

    @pytest.fixture(scope="class", autouse=True)
    def shared(self) -> AsyncIterator[None]:
        """One copy of the model for all tests: it takes a second to load."""
        type(self).loaded = RunnerThreads(MoonshineRunner, name="served-moonshine")
        yield
        type(self).loaded.close()

    def prepare(self) -> None:
        """See Served."""
        stt = Moonshine()
        stt._local = type(self).loaded
        self.api.transcriptions.stt = stt

    def make(self, *texts: str) -> STT:
        """One that asks it."""
        return OpenAISTT(base_url=self.api.base_url, api_key=KEY)


class TestStreams(Served, STTContract):
    """Audio over the WebSocket: what is heard is scripted, and when is found by loudness."""

    most_errors = 0.0

    def make(self, *texts: str) -> STT:
        """One whose service hears these texts."""
        self.api.realtime.script.set(hears=texts)
        return OpenAISTT(base_url=self.api.base_url, api_key=KEY, use_realtime=True)


class TestVoice(Served, TTSContract):
    """A tone, as the contract's fake has it, over HTTP."""

    speech_band_share = 0.8

    def make(self) -> TTS:
        """One that asks for raw samples."""
        return OpenAITTS(base_url=self.api.base_url, api_key=KEY)
