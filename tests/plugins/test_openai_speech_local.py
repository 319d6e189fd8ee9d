"""openai.TTS and openai.STT with real models behind the API: Piper speaks, Moonshine listens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from agentd.models import RunnerThreads
from agentd.resilience import APIConnectOptions
from agentd.testing.mock_openai import MockOpenAI
from agentd.tts import TTS
from agentd_moonshine import STT as Moonshine
from agentd_moonshine import MoonshineRunner
from agentd_openai.stt import STT as OpenAISTT
from agentd_openai.tts import TTS as OpenAITTS
from agentd_piper import TTS as Piper
from agentd_piper import PiperRunner, voice_settings
from tests.plugins.tts_contract import TTSContract
from tests.support.mock_api import mock_in_a_thread
from tests.support.recordings import WORDS, frame_of
from tests.support.words import word_error_rate

pytestmark = pytest.mark.timeout(120)  # a test may load a model, and a busy machine is slow

KEY = "sk-test"
ONCE = APIConnectOptions(max_retry=0, timeout=30.0)

TEXT = (
    "Please call us at least a day before you come, so that we can look forward to seeing you, "
    "and have everything ready."
)
"""Without numbers, which a recogniser writes as it likes."""

VOICE = RunnerThreads(partial(PiperRunner, voice_settings()), name="served-piper")
EARS = RunnerThreads(MoonshineRunner, name="served-moonshine")
"""One copy of each for all tests: they take a second to load."""


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Closed when the last test is over."""
    yield
    VOICE.close()
    EARS.close()


def serve_real_models(api: MockOpenAI) -> None:
    """Behind the API of the mock."""
    speaker, listener = Piper(), Moonshine()
    speaker._local, listener._local = VOICE, EARS
    api.speech.tts, api.transcriptions.stt = speaker, listener


@pytest.fixture
def api() -> Iterator[MockOpenAI]:
    """Served by a thread of its own, as a service is."""
    with mock_in_a_thread(serve_real_models) as running:
        yield running


class TestRealVoice(TTSContract):
    """Joe, over HTTP."""

    @pytest.fixture(autouse=True)
    def serve(self, api: MockOpenAI) -> None:
        """Running for each test."""
        self.api = api

    def make(self) -> TTS:
        """One that asks for raw samples."""
        return OpenAITTS(base_url=self.api.base_url, api_key=KEY)


async def test_real_speech_is_understood_through_the_api(api: MockOpenAI) -> None:
    """The recordings of people, sent as files."""
    async with OpenAISTT(base_url=api.base_url, api_key=KEY) as stt:
        heard = [
            ((await stt.recognize(frame_of(name), conn_options=ONCE)).text, words)
            for name, words in WORDS.items()
        ]

    assert word_error_rate(heard) < 0.06


@pytest.mark.parametrize("form", ["pcm", "wav"])
async def test_what_is_spoken_through_the_api_is_understood_through_it(
    api: MockOpenAI, form: str
) -> None:
    """There and back: no sample is lost or added on the way, or words would be."""
    async with (
        OpenAITTS(
            base_url=api.base_url,
            api_key=KEY,
            response_format=form,  # type: ignore[arg-type]
        ) as tts,
        OpenAISTT(base_url=api.base_url, api_key=KEY) as stt,
    ):
        spoken = await tts.synthesize(TEXT, conn_options=ONCE).collect()
        heard = await stt.recognize(spoken, conn_options=ONCE)

    assert spoken.sample_rate == 24000
    assert word_error_rate([(heard.text, TEXT)]) < 0.15
