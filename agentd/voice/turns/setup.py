"""Which models take part in turn-taking, and what tells the end of a turn. Pure."""

from __future__ import annotations

from msgspec import Struct

from .options import DetectorKind, TurnDetectionMode, TurnMode


class TurnSetup(Struct, frozen=True, kw_only=True):
    """The models of the agent that speaks, as far as turns depend on them."""

    mode: TurnMode = "vad"
    has_vad: bool = True
    has_stt: bool = True
    interim_results: bool = True
    """Whether the STT tells interim text, so that speech without any is likely to be none."""
    detector: DetectorKind | None = None
    can_pause: bool = True
    """Whether the audio output can pause."""


class Equipment(Struct, frozen=True, kw_only=True):
    """What an agent has, to choose a TurnSetup from."""

    has_vad: bool = False
    has_stt: bool = False
    stt_streams: bool = True
    """Whether the STT itself streams; one behind a StreamAdapter hears turns by the VAD."""
    interim_results: bool = True
    model_takes_turns: bool = False
    """A realtime model that detects turns on its server, and may."""
    can_pause: bool = True


class ChosenSetup(Struct, frozen=True, kw_only=True):
    """A setup, and what of the user's wish was dropped, in words for the log."""

    setup: TurnSetup
    warnings: tuple[str, ...] = ()


def choose_turn_setup(wanted: TurnDetectionMode | None, has: Equipment) -> ChosenSetup:
    """The user's choice where the models allow it; else the best there is, and why.

    In order: the realtime model's own, VAD, STT, by hand. A detector judges on top of VAD or STT.
    """
    if wanted is None:
        return ChosenSetup(setup=_setup(best_mode(has), has))
    if isinstance(wanted, str):
        lacks = _mode_lacks(wanted, has)
        mode = best_mode(has) if lacks else wanted
        return ChosenSetup(setup=_setup(mode, has), warnings=_told(wanted, lacks, mode))
    mode = best_mode(has)
    lacks = _detector_lacks(wanted.needs, mode, has)
    name = f"an end-of-turn model for {wanted.needs}"
    detector = None if lacks else wanted.needs
    return ChosenSetup(setup=_setup(mode, has, detector), warnings=_told(name, lacks, mode))


def best_mode(has: Equipment) -> TurnMode:
    """What tells turns where the user has not said."""
    if has.model_takes_turns:
        return "realtime_llm"
    if has.has_vad:
        return "vad"
    return "stt" if has.has_stt and has.stt_streams else "manual"


def _setup(mode: TurnMode, has: Equipment, detector: DetectorKind | None = None) -> TurnSetup:
    return TurnSetup(
        mode=mode,
        has_vad=has.has_vad,
        has_stt=has.has_stt,
        interim_results=has.has_stt and has.stt_streams and has.interim_results,
        detector=detector,
        can_pause=has.can_pause,
    )


def _mode_lacks(mode: TurnMode, has: Equipment) -> str:
    if mode == "manual":
        return ""
    lacking = {
        "vad": (has.has_vad, "there is no VAD"),
        "stt": (has.has_stt and has.stt_streams, "there is no STT that streams"),
        "realtime_llm": (has.model_takes_turns, "no realtime model detects turns"),
    }
    there, lacks = lacking.get(mode, (False, "there is no such mode"))
    return "" if there else lacks


def _detector_lacks(needs: DetectorKind, mode: TurnMode, has: Equipment) -> str:
    if mode == "realtime_llm":
        return "the realtime model detects turns itself"
    if needs == "audio":
        return "" if has.has_vad else "it needs a VAD"
    return "" if has.has_stt else "it needs an STT"


def _told(wanted: str, lacks: str, mode: TurnMode) -> tuple[str, ...]:
    if not lacks:
        return ()
    return (f"turn detection by {wanted} is not possible: {lacks}; it is by {mode}",)
