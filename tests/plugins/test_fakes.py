"""The doubles of agentd.testing keep the contracts of the models that they stand for."""

from __future__ import annotations

from collections.abc import Sequence

from agentd.eot import EndOfTurnModel
from agentd.realtime import RealtimeCapabilities, RealtimeModel
from agentd.stt import STT, STTCapabilities
from agentd.testing import FakeEndOfTurn, FakeRealtime, FakeSTT, FakeTTS, FakeVAD
from agentd.tts import TTS, TTSCapabilities
from agentd.vad import VAD
from tests.plugins.eot_contract import EOTContract
from tests.plugins.realtime_contract import RealtimeContract, Scripted
from tests.plugins.stt_contract import STTContract
from tests.plugins.tts_contract import TTSContract
from tests.plugins.vad_contract import VADContract


class TestFakeVAD(VADContract):
    """By loudness."""

    def make(self) -> VAD:
        """One that is not fooled by the noise of a recording from 1961."""
        return FakeVAD(threshold=0.02, min_silence_duration=0.5)


class TestFakeSTT(STTContract):
    """One that streams."""

    most_errors = 0.0

    def make(self, *texts: str) -> STT:
        """One that hears these texts."""
        return FakeSTT(texts, finalise_after=1.0, latency=0.01)


class TestFakeSTTOfWholeUtterances(STTContract):
    """One behind a VAD."""

    most_errors = 0.0

    def make(self, *texts: str) -> STT:
        """One that hears these texts."""
        return FakeSTT(texts, capabilities=STTCapabilities(streaming=False), latency=0.01)


class TestFakeEndOfTurnOfWords(EOTContract):
    """One that judges words."""

    def make(self) -> EndOfTurnModel:
        """One that is sure."""
        return FakeEndOfTurn([0.9], needs="text")


class TestFakeEndOfTurnOfSound(EOTContract):
    """One that judges sound."""

    def make(self) -> EndOfTurnModel:
        """One that is sure."""
        return FakeEndOfTurn([0.9], needs="audio", delay=0.01)


class TestFakeTTS(TTSContract):
    """One that streams."""

    def make(self) -> TTS:
        """One that hums."""
        return FakeTTS(latency=0.01, chunk_delay=0.001)


class TestFakeTTSOfWholeTexts(TTSContract):
    """One behind a tokenizer."""

    def make(self) -> TTS:
        """One that hums."""
        return FakeTTS(
            capabilities=TTSCapabilities(streaming=False), latency=0.01, chunk_delay=0.001
        )


class TestFakeRealtime(RealtimeContract):
    """One that hears by loudness."""

    def make(
        self,
        replies: Sequence[Scripted] = (),
        *,
        hears: Sequence[str] = (),
        takes_turns: bool = True,
        speaks: bool = True,
    ) -> RealtimeModel:
        """See the base class."""
        capabilities = RealtimeCapabilities(turn_detection=takes_turns, audio_output=speaks)
        return FakeRealtime(replies, hears=hears, capabilities=capabilities)
