"""The doubles of agentd.testing keep the contracts of the models that they stand for."""

from __future__ import annotations

from agentd.eot import EndOfTurnModel
from agentd.stt import STT, STTCapabilities
from agentd.testing import FakeEndOfTurn, FakeSTT, FakeVAD
from agentd.vad import VAD
from tests.plugins.eot_contract import EOTContract
from tests.plugins.stt_contract import STTContract
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
