"""Rules and models for scripts."""

from __future__ import annotations

from typing import Any

from agentd.voice.turns.options import (
    EndpointingRules,
    InterruptionRules,
    PreemptiveRules,
    TurnRules,
    UserTurnLimit,
)
from agentd.voice.turns.setup import TurnSetup


def rules(
    *,
    endpointing: EndpointingRules | None = None,
    interruption: InterruptionRules | None = None,
    preemptive: PreemptiveRules | None = None,
    limit: UserTurnLimit | None = None,
    **others: Any,
) -> TurnRules:
    """The defaults, with what makes scripts long turned off: preemptive replies, away, warm-up."""
    others = {"user_away_timeout": None, "aec_warmup_duration": None, **others}
    return TurnRules(
        endpointing=endpointing or EndpointingRules(),
        interruption=interruption or InterruptionRules(),
        preemptive_generation=preemptive or PreemptiveRules(enabled=False),
        user_turn_limit=limit or UserTurnLimit(),
        **others,
    )


PLAIN = rules()
STT_ONLY = TurnSetup(mode="stt", has_vad=False)
STT_WITH_VAD = TurnSetup(mode="stt")
BY_HAND = TurnSetup(mode="manual")
REALTIME = TurnSetup(mode="realtime_llm", has_vad=False, has_stt=False)
VAD_ONLY = TurnSetup(has_stt=False)
AUDIO_MODEL = TurnSetup(detector="audio")
TEXT_MODEL = TurnSetup(detector="text")
TEXT_MODEL_NO_VAD = TurnSetup(mode="stt", has_vad=False, detector="text")
NO_PAUSE = TurnSetup(can_pause=False)
NO_INTERIM = TurnSetup(interim_results=False)
AUDIO_DELAYS = EndpointingRules(min_delay=0.3, max_delay=2.5)
