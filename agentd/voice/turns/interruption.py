"""Is this a barge-in? Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

from .actions import DropReason
from .backchannel import count_words, is_backchannel
from .options import InterruptionRules
from .setup import TurnSetup

TOLERANCE = 1e-6
"""Far below any chunk of audio: sums of times are not exact in binary."""

Trigger: TypeAlias = Literal["voice", "interim", "final"]
"""What is looked at: the sound of the user, or text that has just come."""


def is_automatic(setup: TurnSetup) -> bool:
    """Whether the machine itself says when a turn is over, and so when the user interrupts."""
    return setup.mode in ("vad", "stt")


def judge_interruption(
    trigger: Trigger,
    *,
    rules: InterruptionRules,
    setup: TurnSetup,
    voiced: float | None,
    text: str,
) -> bool:
    """Whether what the user says over the agent is to stop it.

    `voiced` is the seconds of voice in the current speech, None while the user is silent; `text`
    is what was understood so far. Text that is there decides over sound: a long `uh-huh` stops
    nobody.
    """
    if not is_automatic(setup) or why_not_a_turn(text, rules=rules, setup=setup) is not None:
        return False
    if trigger == "final" or (trigger == "interim" and not setup.has_vad):
        return bool(text)
    if voiced is None or not setup.has_vad:
        return False
    return voiced + TOLERANCE >= rules.min_duration


def why_not_a_turn(text: str, *, rules: InterruptionRules, setup: TurnSetup) -> DropReason | None:
    """What keeps words, said while the agent speaks, from being a turn; None where nothing does."""
    if not setup.has_stt:
        return None
    if count_words(text) < rules.min_words:
        return DropReason.TOO_FEW_WORDS
    if is_backchannel(text, rules.backchannels):
        return DropReason.BACKCHANNEL
    return None
