"""Which models an agent speaks with: its own where it has some, else the session's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from agentd.eot.base import EndOfTurnModel
from agentd.given import NotGivenOr, is_given
from agentd.llm.base import LLM
from agentd.realtime.base import RealtimeModel
from agentd.stt.adapter import StreamAdapter as SttAdapter
from agentd.stt.base import STT
from agentd.tokenize.transforms import TextTransform, TransformName
from agentd.tts.adapter import StreamAdapter as TtsAdapter
from agentd.tts.base import TTS
from agentd.vad import VAD

from .agent_base import LanguageModel, Overrides
from .options import (
    SessionOptions,
    ToolHandling,
    ToolHandlingOptions,
    resolve_tool_handling,
)
from .turns.options import TurnHandlingOptions, merge_turn_handling

T = TypeVar("T")

DEFAULT_TRANSFORMS: tuple[TransformName, ...] = ("filter_markdown", "filter_emoji")


class Models(Struct, frozen=True, kw_only=True, eq=False):
    """The models of a session, or of one agent in it."""

    stt: STT | None = None
    vad: VAD | None = None
    llm: LanguageModel | None = None
    tts: TTS | None = None

    @property
    def chat_llm(self) -> LLM | None:
        """The language model, if it is one that writes."""
        return self.llm if isinstance(self.llm, LLM) else None

    @property
    def realtime(self) -> RealtimeModel | None:
        """The language model, if it is one that hears and speaks."""
        return self.llm if isinstance(self.llm, RealtimeModel) else None

    def prewarm(self) -> None:
        """Connect, or load, in the background: the first turn is not to wait for it."""
        for model in (self.chat_llm, self.stt, self.tts):
            if model is not None:
                model.prewarm()

    @property
    def speaks(self) -> bool:
        """Whether there is a voice."""
        realtime = self.realtime
        return self.tts is not None or (realtime is not None and realtime.capabilities.audio_output)


class Adapters:
    """Models that do not stream, each behind one adapter for as long as the session lasts."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], STT | TTS] = {}

    async def aclose(self) -> None:
        """Let go of the models, which stay their owner's to close. May be repeated."""
        made, self._made = self._made, {}
        for adapter in made.values():
            await adapter.aclose()

    def streaming_stt(self, stt: STT | None, vad: VAD | None) -> STT | None:
        """The STT, behind the VAD where it does not stream itself; None where it can't be used."""
        if stt is None or stt.capabilities.streaming:
            return stt
        if vad is None:
            return None
        made = self._made.get((id(stt), id(vad))) or SttAdapter(stt, vad)
        self._made[id(stt), id(vad)] = made
        assert isinstance(made, STT)
        return made

    def streaming_tts(self, tts: TTS | None) -> TTS | None:
        """The TTS, by sentences where it does not stream itself."""
        if tts is None or tts.capabilities.streaming:
            return tts
        made = self._made.get((id(tts), 0)) or TtsAdapter(tts)
        self._made[id(tts), 0] = made
        assert isinstance(made, TTS)
        return made


class Setting(Struct, frozen=True, kw_only=True, eq=False):
    """Everything that a session's and an agent's own options come to."""

    models: Models
    hearing: STT | None
    """The STT as a stream."""
    speaking: TTS | None
    """The TTS as a stream."""
    options: SessionOptions
    turn_handling: TurnHandlingOptions
    tool_handling: ToolHandling
    speech_delay: float
    aligned_transcript: bool
    transforms: Sequence[TransformName | TextTransform]

    @property
    def detector(self) -> EndOfTurnModel | None:
        """The end-of-turn model that was asked for."""
        wanted = self.turn_handling.get("turn_detection")
        return wanted if isinstance(wanted, EndOfTurnModel) else None


def resolve_setting(
    session: Models, options: SessionOptions, own: Overrides, adapters: Adapters
) -> Setting:
    """What holds for an agent in a session. Raises ValueError or TypeError for options that can't
    be."""
    agent_tools: ToolHandlingOptions = own.tool_handling if is_given(own.tool_handling) else {}
    transforms = options.tts_text_transforms
    models = Models(
        stt=_either(own.stt, session.stt),
        vad=_either(own.vad, session.vad),
        llm=_either(own.llm, session.llm),
        tts=_either(own.tts, session.tts),
    )
    return Setting(
        models=models,
        hearing=adapters.streaming_stt(models.stt, models.vad),
        speaking=adapters.streaming_tts(models.tts),
        options=options,
        turn_handling=merge_turn_handling(options.turn_handling, own.turn_handling),
        tool_handling=resolve_tool_handling(options.tool_handling, agent_tools),
        speech_delay=_either(
            own.min_consecutive_speech_delay, options.min_consecutive_speech_delay
        ),
        aligned_transcript=_either(
            own.use_tts_aligned_transcript, options.use_tts_aligned_transcript
        ),
        transforms=DEFAULT_TRANSFORMS if transforms is None else transforms,
    )


def _either(own: NotGivenOr[T], session: T) -> T:
    return own if is_given(own) else session
