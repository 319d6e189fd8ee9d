"""How turns are taken: as users write it, and as the machine reads it.

Users write dicts in which each key may be missing (`TurnHandlingOptions` and its parts). Session
and agent each may have one; the agent's keys win. `resolve_turn_rules` fills in the defaults, once
for each agent, since some depend on the models in use, and gives the frozen `TurnRules`.
All times are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, cast

from msgspec import Struct

from .backchannel import BACKCHANNELS, normalise

TurnMode: TypeAlias = Literal["vad", "stt", "manual", "realtime_llm"]
DetectorKind: TypeAlias = Literal["audio", "text"]


class TurnDetector(Protocol):
    """An end-of-turn model, as far as the rules must know it."""

    @property
    def needs(self) -> DetectorKind:
        """What it judges by. One for audio is the `streaming` sort of livekit-agents."""


TurnDetectionMode: TypeAlias = TurnMode | TurnDetector

# -- as users write it -----------------------------------------------------------------


class EndpointingOptions(TypedDict, total=False):
    """When silence is the end of a turn."""

    mode: Literal["fixed", "dynamic"]
    """`dynamic` moves the shortest delay with the pauses that this user makes."""
    min_delay: float
    """From the last sound to the end of the turn: 0.5, with a detector for audio 0.3."""
    max_delay: float
    """The same where the detector thinks that the user goes on: 3.0, for audio 2.5."""
    alpha: float
    """Weight of the past in the moving average of `dynamic`: 0.9."""


class InterruptionOptions(TypedDict, total=False):
    """When the user stops the agent."""

    enabled: bool
    """Whether speech may be interrupted, unless said otherwise for one: True."""
    mode: Literal["adaptive", "vad"]
    """Only `vad` exists here; `adaptive` is taken for it."""
    discard_audio_if_uninterruptible: bool
    """Whether the STT gets silence while the agent may not be interrupted: True."""
    min_duration: float
    """Voice for this long interrupts: 0.5."""
    min_words: int
    """With an STT, so many words are needed as well: 0."""
    resume_false_interruption: bool
    """Whether speech is paused, not cut, and goes on when nothing follows: True."""
    false_interruption_timeout: float | None
    """Silence after an interruption until it was none; None never finds that: 2.0."""
    backchannel_boundary: float | tuple[float, float] | None
    """Near the start and the end of the agent's speech. The first is for `adaptive` only. Within
    the second, words that were too few to interrupt are a turn after all, when the speech has
    ended: (1.0, 1.0)."""
    backchannels: Sequence[str]
    """What is only a sign of listening while the agent speaks. Not in livekit-agents."""


class PreemptiveGenerationOptions(TypedDict, total=False):
    """When a reply is begun before the turn is sure to be over."""

    enabled: bool
    """True."""
    preemptive_tts: bool
    """Whether it is made to speech as well: False."""
    max_speech_duration: float
    """Not for turns longer than this: 10.0."""
    max_retries: int
    """At most so many a turn: 3."""


class UserTurnLimitOptions(TypedDict, total=False):
    """When the user has spoken too long, counted over turns until the agent is heard."""

    max_words: int | None
    """None, no limit."""
    max_duration: float | None
    """None, no limit."""


class TurnHandlingOptions(TypedDict, total=False):
    """All of it: `AgentSession(turn_handling={"endpointing": {"min_delay": 0.3}})`."""

    turn_detection: TurnDetectionMode | None
    """What tells the end of a turn; chosen by the models there are where it is missing or None."""
    endpointing: EndpointingOptions
    interruption: InterruptionOptions
    preemptive_generation: PreemptiveGenerationOptions
    user_turn_limit: UserTurnLimitOptions


# -- what values may be


def _seconds(name: str, value: float) -> None:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a number of seconds from 0, but is {value!r}")


def _count(name: str, value: int, *, least: int = 0) -> None:
    if value < least:
        raise ValueError(f"{name} must be {least} or more, but is {value!r}")


def _one_of(name: str, value: str, *known: str) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, but is '{value}'")


# -- as the machine reads it -----------------------------------------------------------


class EndpointingRules(Struct, frozen=True, kw_only=True):
    """See EndpointingOptions."""

    mode: Literal["fixed", "dynamic"] = "fixed"
    min_delay: float = 0.5
    max_delay: float = 3.0
    alpha: float = 0.9

    def __post_init__(self) -> None:
        _one_of("endpointing.mode", self.mode, "fixed", "dynamic")
        _seconds("endpointing.min_delay", self.min_delay)
        _seconds("endpointing.max_delay", self.max_delay)
        if self.max_delay < self.min_delay:
            raise ValueError(
                f"endpointing.max_delay must not be less than min_delay ({self.min_delay:g}), "
                f"but is {self.max_delay:g}: set both"
            )
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"endpointing.alpha must be from 0 to 1, but is {self.alpha!r}")


class InterruptionRules(Struct, frozen=True, kw_only=True):
    """See InterruptionOptions."""

    enabled: bool = True
    discard_audio_if_uninterruptible: bool = True
    min_duration: float = 0.5
    min_words: int = 0
    resume_false_interruption: bool = True
    false_interruption_timeout: float | None = 2.0
    end_boundary: float = 1.0
    """The second of `backchannel_boundary`; 0 where that is None."""
    backchannels: frozenset[str] = BACKCHANNELS
    """Normalised, see `backchannel.normalise`."""

    def __post_init__(self) -> None:
        _seconds("interruption.min_duration", self.min_duration)
        _count("interruption.min_words", self.min_words)
        _seconds("interruption.backchannel_boundary", self.end_boundary)
        if self.false_interruption_timeout is not None:
            _seconds("interruption.false_interruption_timeout", self.false_interruption_timeout)


class PreemptiveRules(Struct, frozen=True, kw_only=True):
    """See PreemptiveGenerationOptions."""

    enabled: bool = True
    preemptive_tts: bool = False
    max_speech_duration: float = 10.0
    max_retries: int = 3

    def __post_init__(self) -> None:
        _seconds("preemptive_generation.max_speech_duration", self.max_speech_duration)
        _count("preemptive_generation.max_retries", self.max_retries)


class UserTurnLimit(Struct, frozen=True, kw_only=True):
    """See UserTurnLimitOptions."""

    max_words: int | None = None
    max_duration: float | None = None

    def __post_init__(self) -> None:
        if self.max_words is not None:
            _count("user_turn_limit.max_words", self.max_words, least=1)
        if self.max_duration is not None:
            _seconds("user_turn_limit.max_duration", self.max_duration)


class TurnRules(Struct, frozen=True, kw_only=True):
    """Everything that the machine goes by, but for the models there are (`TurnSetup`)."""

    endpointing: EndpointingRules = EndpointingRules()
    interruption: InterruptionRules = InterruptionRules()
    preemptive_generation: PreemptiveRules = PreemptiveRules()
    user_turn_limit: UserTurnLimit = UserTurnLimit()
    user_away_timeout: float | None = 15.0
    """Silence of both sides until the user is away; None never finds that."""
    aec_warmup_duration: float | None = 3.0
    """From the first sound of the agent on, what is heard counts as its echo; None for no echo."""
    transcription_timeout: float | None = None
    """From when the VAD says that speech has ended, without a final text, to the event; None for
    no event."""
    transcript_wait: float = 2.0
    """From the last word of an STT that does not finalise to a decision without it. Ours:
    livekit-agents waits for ever, but for `commit_user_turn`, whose default this is."""

    def __post_init__(self) -> None:
        for name in ("user_away_timeout", "aec_warmup_duration", "transcription_timeout"):
            if getattr(self, name) is not None:
                _seconds(name, getattr(self, name))
        _seconds("transcript_wait", self.transcript_wait)


DETECTOR_ENDPOINTING: dict[DetectorKind | None, EndpointingOptions] = {
    "audio": {"min_delay": 0.3, "max_delay": 2.5},
    "text": {"min_delay": 0.5, "max_delay": 3.0},
    None: {"min_delay": 0.5, "max_delay": 3.0},
}
"""The defaults of the delays, by the detector that is really in use."""


def merge_turn_handling(
    session: TurnHandlingOptions, agent: TurnHandlingOptions
) -> TurnHandlingOptions:
    """What counts for an agent: its own keys, and the session's where it has none."""
    merged: dict[str, Any] = {**session, **agent}
    for part in _PARTS:
        if part in session or part in agent:
            merged[part] = {**_part(session, part), **_part(agent, part)}
    return cast("TurnHandlingOptions", merged)


def resolve_turn_rules(
    options: TurnHandlingOptions | None = None,
    *,
    detector: DetectorKind | None = None,
    user_away_timeout: float | None = 15.0,
    aec_warmup_duration: float | None = 3.0,
    transcription_timeout: float | None = None,
) -> TurnRules:
    """Fill in the defaults. `detector` is the one in use after `choose_turn_setup`.

    Raises ValueError for a value that can't be, and TypeError for a key that does not exist;
    both name it.
    """
    given: TurnHandlingOptions = options or {}
    _known("turn_handling", given, TurnHandlingOptions)
    for part, keys in _PARTS.items():
        _known(part, _part(given, part), keys)
    interruption = dict(_part(given, "interruption"))
    _one_of("interruption.mode", interruption.pop("mode", "vad"), "adaptive", "vad")
    if "backchannel_boundary" in interruption:
        interruption["end_boundary"] = _end_boundary(interruption.pop("backchannel_boundary"))
    if "backchannels" in interruption:
        interruption["backchannels"] = frozenset(map(normalise, interruption["backchannels"]))
    return TurnRules(
        endpointing=EndpointingRules(
            **{**DETECTOR_ENDPOINTING[detector], **_part(given, "endpointing")}
        ),
        interruption=InterruptionRules(**interruption),
        preemptive_generation=PreemptiveRules(**_part(given, "preemptive_generation")),
        user_turn_limit=UserTurnLimit(**_part(given, "user_turn_limit")),
        user_away_timeout=user_away_timeout,
        aec_warmup_duration=aec_warmup_duration,
        transcription_timeout=transcription_timeout,
    )


_PARTS: dict[str, type] = {
    "endpointing": EndpointingOptions,
    "interruption": InterruptionOptions,
    "preemptive_generation": PreemptiveGenerationOptions,
    "user_turn_limit": UserTurnLimitOptions,
}


def _part(options: TurnHandlingOptions, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", options.get(name) or {})


def _known(where: str, given: Mapping[str, object], known: type) -> None:
    names = known.__annotations__
    for name in given:
        if name not in names:
            raise TypeError(f"{where} has no key '{name}', only {', '.join(names)}")


def _end_boundary(boundary: float | tuple[float, float] | None) -> float:
    if boundary is None:
        return 0.0
    return boundary[1] if isinstance(boundary, tuple) else boundary
