"""A speech-to-text model for services that are asked by several at once, in any order."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame
from agentd.stt import SpeechData
from agentd.testing import FakeSTT
from tests.support.recordings import NAMES, WORDS, frame_of

BY_DURATION = {round(frame_of(name).duration, 2): WORDS[name] for name in NAMES}


class Recogniser(FakeSTT):
    """Knows whole recordings by their length; else it hears its texts, one after the other."""

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class."""
        told = await super().recognize_once(audio, language)
        known = BY_DURATION.get(round(audio.duration, 2)) if told.text else None
        return SpeechData(text=known or told.text, end_time=told.end_time, confidence=0.9)
