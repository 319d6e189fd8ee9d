"""The keywords that AgentSession and Agent had before `turn_handling`, still accepted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, cast

from agentd.given import NOT_GIVEN, NotGivenOr, is_given

from .options import TurnHandlingOptions

KEYWORDS: dict[str, tuple[str, ...]] = {
    "min_endpointing_delay": ("endpointing", "min_delay"),
    "max_endpointing_delay": ("endpointing", "max_delay"),
    "turn_detection": ("turn_detection",),
    "allow_interruptions": ("interruption", "enabled"),
    "min_interruption_duration": ("interruption", "min_duration"),
    "min_interruption_words": ("interruption", "min_words"),
    "discard_audio_if_uninterruptible": ("interruption", "discard_audio_if_uninterruptible"),
    "resume_false_interruption": ("interruption", "resume_false_interruption"),
    "false_interruption_timeout": ("interruption", "false_interruption_timeout"),
    "agent_false_interruption_timeout": ("interruption", "false_interruption_timeout"),
    "preemptive_generation": ("preemptive_generation",),
}
"""Where in TurnHandlingOptions each old keyword is now. The later of two for one place wins."""


def turn_handling_from_keywords(
    keywords: Mapping[str, Any],
    turn_handling: NotGivenOr[TurnHandlingOptions] = NOT_GIVEN,
    *,
    stacklevel: int = 3,
) -> TurnHandlingOptions:
    """The options that the old keywords mean; `keywords` has those of KEYWORDS, given or NOT_GIVEN.

    Warns (DeprecationWarning) of each that is given. Where `turn_handling` is given as well, it
    counts alone. `stacklevel` 3 is the caller of the function that calls this one.
    """
    given = {name: keywords[name] for name in KEYWORDS if is_given(keywords.get(name, NOT_GIVEN))}
    for name in given:
        place = "".join(f"['{key}']" for key in KEYWORDS[name])
        warnings.warn(
            f"{name} is deprecated and will go in 2.0: use turn_handling{place}",
            DeprecationWarning,
            stacklevel=stacklevel,
        )
    if is_given(turn_handling):
        return turn_handling
    options: dict[str, Any] = {}
    for name, value in given.items():
        _put(options, KEYWORDS[name], value)
    return cast("TurnHandlingOptions", options)


def _put(options: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    match place:
        case (part, key):
            options.setdefault(part, {})[key] = value
        case ("preemptive_generation",) if isinstance(value, bool):
            options["preemptive_generation"] = {"enabled": value}
        case (key,):
            options[key] = value
