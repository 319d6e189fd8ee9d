"""A stand-in for Deepgram's live and file transcription, as its documentation describes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from agentd.audio.frame import AudioFrame, join_frames
from agentd.audio.wav_decoder import WavDecoder
from agentd.resilience import APIConnectOptions
from agentd.stt import (
    FinalTranscript,
    InterimTranscript,
    RecognizeStream,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
)
from agentd.testing import FakeSTT
from bridge_tests.recogniser import Recogniser

RATE = 16000
ONCE = APIConnectOptions(max_retry=0, timeout=30.0)


class DeepgramService:
    """Hears these texts, one after the other; what it was asked is kept."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.keys: list[str] = []
        """The Authorization headers."""
        self.closed_by_clients = asyncio.Event()
        """A client has closed its stream."""
        self.refuse_with = 0
        """An HTTP status to answer all requests with."""
        self.cut_off_next = False
        """Whether the next stream's connection is lost at its first audio."""
        self.base_url = ""
        self._files = Recogniser(texts)

    def hears(self, *texts: str) -> None:
        """Hear these from now on."""
        self.texts = texts
        self._files = Recogniser(texts)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """A stream or, by POST, a file."""
        self.keys.append(request.headers["Authorization"])
        if self.refuse_with:
            return web.Response(status=self.refuse_with, text="no")
        if request.method == "POST":
            return await self._recognise(await request.read())
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        stt = FakeSTT(self.texts, finalise_after=1.0)
        async with stt.stream(conn_options=ONCE) as stream, asyncio.TaskGroup() as group:
            telling = group.create_task(_tell(socket, stream))
            if not await self._hear(socket, stream):
                telling.cancel()
        await socket.close()
        self.closed_by_clients.set()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, stream: RecognizeStream) -> bool:
        """Whether the client has said that its audio is over."""
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                if self.cut_off_next:
                    self.cut_off_next = False
                    return False
                stream.push_frame(AudioFrame(data=message.data, sample_rate=RATE))
            elif "Finalize" in message.data:
                stream.flush()
            elif "CloseStream" in message.data:
                stream.end_input()
                return True
        return False

    async def _recognise(self, file: bytes) -> web.Response:
        decoder = WavDecoder()
        audio = join_frames([*decoder.push(file), *decoder.flush()])
        final = await self._files.recognize(audio, conn_options=ONCE)
        channel = {"alternatives": [_alternative(final.data)], "detected_language": "en"}
        return web.json_response(
            {"metadata": {"request_id": "file"}, "results": {"channels": [channel]}}
        )


@asynccontextmanager
async def serving(service: DeepgramService) -> AsyncIterator[DeepgramService]:
    """The service on a free port for the block."""
    app = web.Application(client_max_size=2**25)
    app.router.add_route("*", "/v1/listen", service.listen)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/listen"
    try:
        yield service
    finally:
        await runner.cleanup()


async def _tell(socket: web.WebSocketResponse, stream: RecognizeStream) -> None:
    async for event in stream:
        message = _message(event)
        if message is not None and not socket.closed:
            await socket.send_json(message)


def _message(event: SpeechEvent) -> dict[str, Any] | None:
    match event:
        case StartOfSpeech():
            return {"type": "SpeechStarted", "channel": [0], "timestamp": 0.0}
        case InterimTranscript() | FinalTranscript():
            final = isinstance(event, FinalTranscript)
            return {
                "type": "Results",
                "is_final": final,
                "speech_final": final,
                "start": event.data.start_time,
                "duration": event.data.end_time - event.data.start_time,
                "metadata": {"request_id": "live"},
                "channel": {"alternatives": [_alternative(event.data)]},
            }
        case _:
            return None


def _alternative(data: SpeechData) -> dict[str, Any]:
    words = data.text.split()
    each = (data.end_time - data.start_time) / max(1, len(words))
    return {
        "transcript": data.text,
        "confidence": data.confidence,
        "words": [
            {
                "word": word,
                "punctuated_word": word,
                "start": data.start_time + number * each,
                "end": data.start_time + (number + 1) * each,
                "confidence": 0.9,
            }
            for number, word in enumerate(words)
        ],
    }
