"""What a session is told, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from msgspec import Struct
from msgspec.structs import replace

from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.wav import read_wav
from agentd.given import NotGivenOr
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from agentd.tokenize.transforms import TextTransform, TransformName

from .turns.options import TurnDetectionMode, TurnHandlingOptions

MAX_UNRECOVERABLE_ERRORS = 3
"""Of one kind of model in a row; one more ends the session."""

Filler: TypeAlias = str | Callable[[], str | None]


class SessionConnectOptions(Struct, frozen=True, kw_only=True):
    """What one call of a model may cost, and how many may fail in a row (rows 114, 115)."""

    stt_conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    llm_conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    tts_conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    max_unrecoverable_errors: int = MAX_UNRECOVERABLE_ERRORS


class ToolHandlingOptions(TypedDict, total=False):
    """How tools are run."""

    timeout: float | None
    """Seconds that a call may take: 60; None for no end. Not in livekit-agents, where a tool that
    hangs hangs its reply."""
    update_template: str
    """What the model is told of `context.update`: `{message}` in it is the tool's."""
    reply_template: str
    """What the model is told to say about updates and results that come later."""


class ToolHandling(Struct, frozen=True, kw_only=True):
    """See ToolHandlingOptions."""

    timeout: float | None = 60.0
    update_template: str = "{message}"
    reply_template: str = (
        "Tools that were still at work have news; it is in the last outputs above. "
        "Tell the user what matters of it, briefly."
    )


def resolve_tool_handling(*options: ToolHandlingOptions | None) -> ToolHandling:
    """Fill in the defaults; of several options the later ones win. Raises TypeError for a key that
    does not exist."""
    merged: dict[str, Any] = {}
    for given in options:
        merged.update(given or {})
    unknown = merged.keys() - set(ToolHandling.__struct_fields__)
    if unknown:
        known = ", ".join(ToolHandling.__struct_fields__)
        raise TypeError(f"tool_handling has no key '{min(unknown)}', only {known}")
    return ToolHandling(**merged)


class DeprecatedKeywords(TypedDict, total=False):
    """Keywords of older versions; `turn_handling` has taken their place (row 101)."""

    min_endpointing_delay: NotGivenOr[float]
    max_endpointing_delay: NotGivenOr[float]
    turn_detection: NotGivenOr[TurnDetectionMode | None]
    allow_interruptions: NotGivenOr[bool]
    min_interruption_duration: NotGivenOr[float]
    min_interruption_words: NotGivenOr[int]
    discard_audio_if_uninterruptible: NotGivenOr[bool]
    resume_false_interruption: NotGivenOr[bool]
    false_interruption_timeout: NotGivenOr[float | None]
    agent_false_interruption_timeout: NotGivenOr[float | None]
    preemptive_generation: NotGivenOr[bool]


class DeadAirOptions(Struct, frozen=True, kw_only=True):
    """What is done where the agent owes speech and none is heard. Not in livekit-agents."""

    timeout: float | None = 8.0
    """Seconds of silence until something is done; None never does."""
    retries: int = 1
    """How often the model or the voice is asked again, before there is an apology."""
    filler: str | None = "One moment, please."
    """Said while a tool is at work; None says nothing."""
    apology: str | None = "I'm sorry, something went wrong. Could you say that again?"
    """Said, or written where there is no voice, when nothing else has helped."""


OutageKind: TypeAlias = Literal["stt", "llm", "tts", "realtime"]
"""The kind of the model whose service is out."""

CLIP_FRAME = 0.05
"""Seconds of one frame of a prepared clip."""


class OutageOptions(Struct, frozen=True, kw_only=True, eq=False):
    """What is done while the service of a model is out, which its circuit breaker says. Not in
    livekit-agents. Models without a circuit, as local ones, end the session after some failures.
    """

    say: str | Callable[[OutageKind], str | None] | None = (
        "I'm sorry, I have a technical problem. Please stay with me, I'll be right back."
    )
    """Said once an outage, and again where the user speaks and it still goes on. None says nothing.
    A callable is asked each time, for a text in the user's language or one for the kind of model.
    """
    audio: str | Path | Sequence[AudioFrame] | None = None
    """What `say` says as a prepared clip, a WAV file or frames: heard in place of the TTS, which
    may be out as well."""
    back: str | None = "I'm back. Sorry for the wait."
    """Said when all works again, where there was an apology and nothing is left to be answered."""
    goodbye: str | None = "I'm sorry, it still does not work. Please try again later. Goodbye."
    """Said before the session ends since an outage has lasted for `hold`."""
    hold: float = 300.0
    """Seconds that the session waits for a service; with 0.0 it ends after some failures."""
    again_after: float = 15.0
    """Seconds between two apologies, at least."""
    stale_after: float = 120.0
    """Seconds after which what the user has asked is not answered any more."""


def prepared(options: OutageOptions) -> OutageOptions:
    """The same with the clip's frames in place of its file; raises AudioError for one that can't be
    used: better now than in the midst of an outage."""
    if not isinstance(options.audio, str | Path):
        return options
    clip = read_wav(options.audio)
    size = round(CLIP_FRAME * clip.sample_rate)
    frames = [
        from_samples(clip.samples[start : start + size], clip.sample_rate)
        for start in range(0, len(clip.samples), size)
    ]
    return replace(options, audio=frames)


class SessionOptions(Struct, frozen=True, kw_only=True):
    """Everything but the models."""

    turn_handling: TurnHandlingOptions = {}
    tool_handling: ToolHandlingOptions = {}
    max_tool_steps: int = 3
    """Rounds of tool calls in one reply; then the model has to answer without."""
    use_tts_aligned_transcript: bool = False
    tts_text_transforms: Sequence[TransformName | TextTransform] | None = None
    """None for the default: `filter_markdown` and `filter_emoji`."""
    min_consecutive_speech_delay: float = 0.0
    user_away_timeout: float | None = 15.0
    aec_warmup_duration: float | None = 3.0
    transcription_timeout: float | None = None
    session_close_transcript_timeout: float = 2.0
    """Seconds that a last turn has for its transcript when the session closes."""
    conn_options: SessionConnectOptions = SessionConnectOptions()
    dead_air: DeadAirOptions = DeadAirOptions()
    on_outage: OutageOptions = OutageOptions()
    ivr_detection: bool = False
    video_sampler: Any = None
    """A `video_sampler.VideoSampler`; None looks at every picture."""


InputModality: TypeAlias = Literal["text", "audio"]
