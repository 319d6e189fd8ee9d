"""What the STT hears, as turn-taking is told it: the agent's `stt_node`, kept running."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from agentd.aio.channel import Channel
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import ModelError, WouldBlock
from agentd.llm.clean_text import clean
from agentd.stt.audioqueue import Replay
from agentd.stt.events import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    PreflightTranscript,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
)
from agentd.voice.agent import Agent
from agentd.voice.bench import FaultDesk
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.models import Setting
from agentd.voice.node_stream import stream_of
from agentd.voice.turns.inputs import (
    SttFinal,
    SttInterim,
    SttPreflight,
    SttSpeechEnded,
    SttSpeechStarted,
    TurnInput,
)

logger = logging.getLogger("agentd.voice")

MAX_FRAMES = 1500
"""Frames that wait for the STT while it is being restarted: half a minute of audio."""

DEAF_UTTERANCES = 2
"""Utterances that the VAD has heard whole and the STT has not said a word about, until the STT
counts as hanging and is started anew."""


class SttEar:
    """One agent's STT. `run` is its work; the audio that waits outlives an attempt of it."""

    def __init__(
        self,
        agent: Agent,
        setting: Setting,
        *,
        feed: Callable[[TurnInput], None],
        faults: FaultDesk,
    ) -> None:
        self._agent = agent
        self._setting = setting
        self._feed = feed
        self._faults = faults
        self._frames: Channel[AudioFrame] = Channel(MAX_FRAMES)
        self._dropped = 0
        self._unanswered = 0
        self._replay = Replay()
        """What was taken since the last word."""
        self._again: list[AudioFrame] = []

    def hear(self, frame: AudioFrame) -> None:
        """Take the next audio; the oldest that waits makes room for it."""
        try:
            self._frames.send_nowait(frame)
        except WouldBlock:
            self._frames.receive_nowait()
            self._frames.send_nowait(frame)
            self._note_dropped()

    def utterance_ended(self) -> bool:
        """The VAD has heard speech to its end; says whether the STT seems to hang."""
        if self._faults.missed("stt"):
            return False
        self._unanswered += 1
        return self._unanswered > DEAF_UTTERANCES

    def hear_again(self) -> None:
        """The next `run` gets first what this one has taken and said nothing about."""
        self._again = [item for item in self._replay.items() if isinstance(item, AudioFrame)]

    async def run(self) -> None:
        """Listen until cancelled. Raises what the node raises, and ModelError where it ends.

        While the STT's service is out it waits, and so does what the user says.
        """
        await self._faults.until_usable("stt")
        self._unanswered = 0
        try:
            events = stream_of(self._agent.stt_node(self._audio(), ModelSettings()), "stt_node")
            async with aclosing(events):
                async for event in events:
                    self._take(event)
            raise ModelError("the STT's stream ended although the audio goes on")
        except Exception as error:
            if self._faults.failed("stt", error, self._setting.models.stt):
                self.hear_again()
            raise

    async def _audio(self) -> AsyncIterator[AudioFrame]:
        again, self._again = self._again, []
        for frame in again:
            yield frame
        async for frame in self._frames:
            self._replay.add(frame)
            yield frame

    def _take(self, event: Any) -> None:
        made = _input_of(event, now())
        if isinstance(made, SttFinal | SttInterim | SttPreflight):
            self._unanswered = 0
            self._replay.clear()
            self._faults.worked("stt")
        if made is not None:
            self._feed(made)

    def _note_dropped(self) -> None:
        self._dropped += 1
        if self._dropped % MAX_FRAMES == 1:
            logger.warning(
                "the STT does not keep up: the oldest audio is dropped",
                extra={"action": "stt_audio_dropped", "frames": self._dropped},
            )


def _input_of(event: SpeechEvent | str, at: float) -> TurnInput | None:
    match event:
        case str():
            return SttFinal(at=at, text=clean(event))
        case StartOfSpeech():
            return SttSpeechStarted(at=at)
        case EndOfSpeech():
            return SttSpeechEnded(at=at)
        case InterimTranscript(data=data):
            return SttInterim(at=at, **_said(data))
        case PreflightTranscript(data=data):
            return SttPreflight(at=at, **_said(data))
        case FinalTranscript(data=data):
            return SttFinal(at=at, **_said(data))
        case _:
            return None


def _said(data: SpeechData) -> dict[str, Any]:
    return {
        "text": clean(data.text),
        "language": data.language,
        "speaker_id": data.speaker_id,
        "confidence": data.confidence,
    }
