"""openai.STT and openai.TTS keep the contracts, against servers that speak the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentd.models import RunnerThreads
from agentd.stt import STT
from agentd.testing import FakeTTS
from agentd.testing.mock_openai import MockOpenAI
from agentd.tts import TTS
from agentd_moonshine import STT as Moonshine
from agentd_moonshine import MoonshineRunner
from agentd_openai.stt import STT as OpenAISTT
from agentd_openai.tts import TTS as OpenAITTS
from tests.plugins.stt_contract import STTContract
from tests.plugins.tts_contract import TTSContract
from tests.support.mock_api import mock_in_a_thread

pytestmark = pytest.mark.timeout(120)  # a test may load a model, and a busy machine is slow

KEY = "sk-test"


LOADED = RunnerThreads(MoonshineRunner, name="served-moonshine")
"""One copy of the model for all tests: it takes a second to load."""


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Closed when the last test is over."""
    yield
    LOADED.close()


class Served:
    """With the mock running for each test."""

    api: MockOpenAI

    @pytest.fixture(autouse=True)
    def serve(self) -> Iterator[None]:
        """In a thread of its own, as a service is."""
        with mock_in_a_thread(self.prepare) as api:
            self.api = api
            yield

    def prepare(self, api: MockOpenAI) -> None:
        """Have a real recogniser listen to files."""
        stt = Moonshine()
        stt._local = LOADED
        api.transcriptions.stt = stt


class TestFiles(Served, STTContract):
    """Utterances by HTTP to a server with a real recogniser."""

    most_errors = 0.06

    def make(self, *texts: str) -> STT:
        """One that asks it."""
        return OpenAISTT(base_url=self.api.base_url, api_key=KEY)


class TestStreams(Served, STTContract):
    """Audio over the WebSocket: what is heard is scripted, and when is found by loudness.

    Files go to the recogniser all the same.
    """

    most_errors = 0.06

    def make(self, *texts: str) -> STT:
        """One whose service hears these texts."""
        self.api.realtime.script.set(hears=texts)
        return OpenAISTT(base_url=self.api.base_url, api_key=KEY, use_realtime=True)


class TestVoice(Served, TTSContract):
    """A tone, as the contract's fake has it, over HTTP."""

    def prepare(self, api: MockOpenAI) -> None:
        """Have a fake speak, bit by bit."""
        api.speech.tts = FakeTTS(latency=0.01, chunk_delay=0.003)

    def make(self) -> TTS:
        """One that asks for raw samples."""
        return OpenAITTS(base_url=self.api.base_url, api_key=KEY)
