"""What an agent does at each step unless it is told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.errors import AudioError, SessionError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.chat import ChatContext
from agentd.llm.events import ChatChunk, ToolChoice
from agentd.llm.tools import Tool
from agentd.stt.events import SpeechEvent
from agentd.stt.stream import RecognizeStream
from agentd.tokenize.transforms import apply_text_transforms
from agentd.tts.events import SynthesizedAudio, TimedText
from agentd.tts.stream import SynthesizeStream

from .models import Setting


class ModelSettings(Struct, frozen=True, kw_only=True):
    """What holds for one call of a node."""

    tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN


class FlushSentinel:
    """In the text of an `llm_node`: what came before it is spoken as one segment."""


class SpokenFrame(AudioFrame, frozen=True, kw_only=True, eq=False, gc=False):
    """Audio of the agent's voice, and the times of its words where the model tells them."""

    timed_text: tuple[TimedText, ...] = ()


async def stt_node(
    setting: Setting, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
) -> AsyncIterator[SpeechEvent]:
    """Events of text from audio. Raises APIError when all tries have failed."""
    stt = setting.hearing
    if stt is None:
        raise SessionError(_no_stt(setting))
    options = setting.options.conn_options.stt_conn_options
    async with stt.stream(conn_options=options) as stream, TaskOwner("stt node") as owner:
        feed = owner.start(_hear(audio, stream), name="audio", report=False)
        async for event in stream:
            yield event
        _raise_failure(feed)


async def llm_node(
    setting: Setting, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
) -> AsyncIterator[ChatChunk]:
    """Chunks of a reply. Raises APIError when all tries have failed."""
    llm = setting.models.chat_llm
    if llm is None:
        raise SessionError("there is no language model: give the session or the agent an llm=")
    async with llm.chat(
        chat_ctx=chat_ctx,
        tools=tools,
        tool_choice=model_settings.tool_choice,
        conn_options=setting.options.conn_options.llm_conn_options,
    ) as stream:
        async for chunk in stream:
            yield chunk


async def tts_node(
    setting: Setting, text: AsyncIterable[str], model_settings: ModelSettings
) -> AsyncIterator[AudioFrame]:
    """Speech from text. Raises APIError when all tries have failed."""
    tts = setting.speaking
    if tts is None:
        raise SessionError("there is no TTS: give the session or the agent a tts=")
    spoken = apply_text_transforms(text, setting.transforms)
    options = setting.options.conn_options.tts_conn_options
    async with tts.stream(conn_options=options) as stream, TaskOwner("tts node") as owner:
        feed = owner.start(_speak(spoken, stream), name="text", report=False)
        async for audio in stream:
            yield as_spoken(audio)
        _raise_failure(feed)


async def transcription_node(
    text: AsyncIterable[str], model_settings: ModelSettings
) -> AsyncIterator[str]:
    """The text as it is."""
    async for piece in text:
        yield piece


async def realtime_audio_output_node(
    audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
) -> AsyncIterator[AudioFrame]:
    """The audio as it is."""
    async for frame in audio:
        yield frame


def as_spoken(audio: SynthesizedAudio) -> AudioFrame:
    """A piece of speech as a frame that knows its words."""
    frame = audio.frame
    if not audio.timed_text:
        return frame
    return SpokenFrame(
        data=frame.data,
        sample_rate=frame.sample_rate,
        num_channels=frame.num_channels,
        timed_text=tuple(audio.timed_text),
    )


def _no_stt(setting: Setting) -> str:
    if setting.models.stt is None:
        return "there is no STT: give the session or the agent an stt="
    return (
        f"{setting.models.stt.label} takes whole utterances only: "
        "give the session or the agent a vad="
    )


async def _hear(audio: AsyncIterable[AudioFrame], stream: RecognizeStream) -> None:
    try:
        async for frame in audio:
            with suppress(AudioError):  # the ears have left it out as well, and said so
                stream.push_frame(frame)
    finally:
        stream.end_input()


async def _speak(text: AsyncIterable[str], stream: SynthesizeStream) -> None:
    try:
        async for piece in text:
            stream.push_text(piece)
    finally:
        stream.end_input()


def _raise_failure(feed: asyncio.Task[None]) -> None:
    """What goes in may come from the user's code: that it failed must not look like its end."""
    if feed.done() and not feed.cancelled():
        feed.result()
