"""`/audio/transcriptions`: a file in, its words out, at once or as events."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from aiohttp import web
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    TranscriptionWord,
)
from openai.types.audio.transcription import Logprob

from agentd.audio.frame import AudioFrame, join_frames
from agentd.audio.wav_decoder import WavDecoder
from agentd.errors import AudioError
from agentd.resilience import APIConnectOptions
from agentd.stt import STT, SpeechData
from agentd.testing.fake_stt import FakeSTT

from .endpoint import Endpoint, Refused
from .faults import HttpFault, HttpFaultKind
from .writing import answer

ONCE = APIConnectOptions(max_retry=0, timeout=30.0)
NOT_HEARD = (HttpFaultKind.STATUS, HttpFaultKind.WRONG_TYPE, HttpFaultKind.EMPTY)
"""Faults of requests whose audio nobody listens to."""


class TranscriptionsEndpoint(Endpoint):
    """Has a speech-to-text model of agentd's listen: a fake that takes each audible file for the
    next of its texts, or a real one."""

    path: ClassVar[str] = "audio/transcriptions"

    def __init__(self) -> None:
        super().__init__()
        self.stt: STT = FakeSTT()
        """Who listens."""

    def hears(self, *texts: str) -> None:
        """Take the next audible files for these."""
        self.stt = FakeSTT(texts)

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """See the base class."""
        audio = _audio_of(body)
        if fault is not None and fault.kind in NOT_HEARD:
            return await answer(request, [], content_type="application/json", fault=fault)
        final = await self.stt.recognize(
            audio, language=body.get("language", "en"), conn_options=ONCE
        )
        if body.get("stream") == "true":
            pieces = _events(final.text)
            return await answer(request, pieces, content_type="text/event-stream", fault=fault)
        told = _verbose(final.data, audio) if _is_verbose(body) else _plain(final.data, body)
        whole = told.to_json(indent=None).encode()
        return await answer(request, [whole], content_type="application/json", fault=fault)


def _is_verbose(body: dict[str, Any]) -> bool:
    return bool(body.get("response_format") == "verbose_json")


def _plain(data: SpeechData, body: dict[str, Any]) -> Transcription:
    told = Transcription(text=data.text)
    if "logprobs" in body.get("include[]", ""):
        sure = math.log(data.confidence or 1.0)
        told.logprobs = [Logprob(token=word, logprob=sure) for word in data.text.split()]
    return told


def _events(text: str) -> list[bytes]:
    """The text a word at a time, and all of it."""
    deltas = [
        TranscriptionTextDeltaEvent(type="transcript.text.delta", delta=f"{word} ")
        for word in text.split()
    ]
    done = TranscriptionTextDoneEvent(type="transcript.text.done", text=text)
    return [f"data: {event.to_json(indent=None)}\n\n".encode() for event in (*deltas, done)]


def _verbose(data: SpeechData, audio: AudioFrame) -> TranscriptionVerbose:
    words = [
        TranscriptionWord(word=word.text, start=word.start_time, end=word.end_time)
        for word in data.words
    ]
    return TranscriptionVerbose(
        text=data.text, duration=audio.duration, language=data.language or "english", words=words
    )


def _audio_of(body: Any) -> AudioFrame:
    """The file of a form; raises Refused for what is no audio."""
    if not isinstance(body, dict) or not body.get("model"):
        raise Refused("you must provide a model parameter", param="model")
    file = body.get("file")
    if not isinstance(file, bytes):
        raise Refused("Could not parse multipart form: there is no file", param="file")
    decoder = WavDecoder()
    try:
        frames = [*decoder.push(file), *decoder.flush()]
    except AudioError as error:
        raise Refused(f"Audio file might be corrupted or unsupported: {error}") from error
    if not frames or frames[0].duration < 0.1 > sum(frame.duration for frame in frames):
        raise Refused("Audio file is too short. Minimum audio length is 0.1 seconds.")
    return join_frames(frames)
