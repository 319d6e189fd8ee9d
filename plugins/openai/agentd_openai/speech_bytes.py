"""The sound of an answer, while its bytes come in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

from agentd.aio.tasks import TaskOwner
from agentd.audio.byte_stream import AudioByteStream
from agentd.audio.frame import AudioFrame
from agentd.audio.stream_decoder import AudioStreamDecoder
from agentd.errors import APIConnectionError, AudioError

NO_AUDIO = ("text/", "application/json")
"""What a proxy, or a service that has failed, sends with a status that says all is well."""


class Answer(Protocol):
    """The SDK's streamed response."""

    @property
    def headers(self) -> Headers: ...
    def iter_bytes(self) -> AsyncIterator[bytes]: ...


class Headers(Protocol):
    """Names of any case."""

    def get(self, key: str, default: str) -> str: ...


async def decoded(
    answer: Answer, form: str, sample_rate: int, label: str
) -> AsyncGenerator[AudioFrame]:
    """Frames as early as they can be had; raises APIConnectionError for what is no audio."""
    kind = answer.headers.get("content-type", "")
    if kind.startswith(NO_AUDIO):
        raise APIConnectionError(f"{label} sent {kind}, which is no audio")
    frames = _raw(answer, sample_rate) if form == "pcm" else _coded(answer, form, sample_rate)
    try:
        async with aclosing(frames):
            async for frame in frames:
                yield frame
    except AudioError as error:
        raise APIConnectionError(f"{label} sent what is no {form}: {error}") from error


async def _raw(answer: Answer, sample_rate: int) -> AsyncGenerator[AudioFrame]:
    cutter = AudioByteStream(sample_rate, 1, progressive=True)
    async for data in answer.iter_bytes():
        for frame in cutter.push(data):
            yield frame
    for frame in cutter.flush():
        yield frame


async def _coded(answer: Answer, form: str, sample_rate: int) -> AsyncGenerator[AudioFrame]:
    async with (
        AudioStreamDecoder(
            sample_rate=sample_rate, format="wav" if form == "wav" else None
        ) as made,
        TaskOwner("speech bytes") as owner,
    ):
        fetching = owner.start(_fetch(answer, made), name="fetch", report=False)
        async for frame in made:
            yield frame
        await fetching


async def _fetch(answer: Answer, decoder: AudioStreamDecoder) -> None:
    try:
        async for data in answer.iter_bytes():
            decoder.push(data)
    finally:
        decoder.end_input()
