"""`/audio/speech`: text in, its sound out, while it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from aiohttp import web
from openai.types.audio.speech_create_params import SpeechCreateParams
from pydantic import ConfigDict, TypeAdapter, ValidationError

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame, join_frames
from agentd.audio.wav_writer import wav_bytes
from agentd.resilience import APIConnectOptions
from agentd.testing.fake_tts import FakeTTS
from agentd.tts import TTS

from .coding import FORMS, encoded
from .endpoint import Endpoint, Refused
from .faults import HttpFault
from .writing import answer_as_made

RATE = 24000
ONCE = APIConnectOptions(max_retry=0, timeout=30.0)
MOST_CHARACTERS = 4096
RAW = ("pcm", "wav")
CODED_PIECE = 700
"""Bytes; codecs have frames of other lengths."""
ENDLESS_WAV = wav_bytes(AudioFrame(data=b"", sample_rate=RATE))
"""A header that promises no length, as services that stream send it."""

# In a tuple, since a TypedDict by itself takes no configuration.
_PARAMS: TypeAdapter[Any] = TypeAdapter(
    tuple[SpeechCreateParams], config=ConfigDict(extra="forbid")
)


class SpeechEndpoint(Endpoint):
    """Has a text-to-speech model of agentd's speak: a fake with a tone, or a real one.

    Gives `pcm` and `wav` while it is spoken, in pieces that end in the middle of samples, as they
    do on the network; the other forms (with PyAV) in pieces, too, once all is spoken.
    """

    path: ClassVar[str] = "audio/speech"

    def __init__(self) -> None:
        super().__init__()
        self.tts: TTS = FakeTTS()
        """Who speaks."""
        self.finished: list[str] = []
        """Texts that were spoken to their end."""

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """See the base class."""
        form = _form_of(body)
        pieces = self._sound(body["input"], form) if form in RAW else self._coded(body, form)
        try:
            return await answer_as_made(request, pieces, content_type=f"audio/{form}", fault=fault)
        finally:
            await pieces.aclose()

    async def _sound(self, text: str, form: str) -> AsyncGenerator[bytes]:
        if form == "wav":
            yield ENDLESS_WAV
        conformer = Conformer(RATE)
        held = b""
        async with self.tts.synthesize(text, conn_options=ONCE) as stream:
            async for audio in stream:
                data = held + b"".join(part.data for part in conformer.push(audio.frame))
                cut = max(0, len(data) - 1)  # the last half of a sample comes with the next piece
                held = data[cut:]
                if cut:
                    yield data[:cut]
        yield held + b"".join(part.data for part in conformer.flush())
        self.finished.append(text)

    async def _coded(self, body: Any, form: str) -> AsyncGenerator[bytes]:
        text = body["input"]
        spoken = await self.tts.synthesize(text, conn_options=ONCE).collect()
        conformer = Conformer(RATE)
        whole = join_frames([*conformer.push(spoken), *conformer.flush()])
        data = encoded(whole, form)
        for start in range(0, len(data), CODED_PIECE):
            yield data[start : start + CODED_PIECE]
        self.finished.append(text)


def _form_of(body: Any) -> str:
    """The audio's form; raises Refused for a request that the API refuses."""
    try:
        _PARAMS.validate_python((body,))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        raise Refused(f"Invalid value for '{where}': {first['msg']}", param=where) from error
    if not 0 < len(body["input"]) <= MOST_CHARACTERS:
        raise Refused("Invalid 'input': it must have 1 to 4096 characters.", param="input")
    form = str(body.get("response_format", "mp3"))
    if form not in RAW and form not in FORMS:
        raise Refused(f"there is no form '{form}'", param="response_format")
    return form
