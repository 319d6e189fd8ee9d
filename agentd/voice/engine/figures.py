"""What a session tells of itself for the daemon's metrics: counted once for each event of it.

Nothing here is done for each frame of audio: a turn costs a few additions.
"""

from __future__ import annotations

from typing import Any

from agentd.figures import count, here, observe
from agentd.figures.families import (
    AUDIO,
    CHARACTERS,
    DEAD_AIR,
    INTERRUPTIONS,
    OUTAGE_SECONDS,
    OUTAGES,
    OUTPUT_LOST,
    TOKENS,
    TURN_LATENCY,
    TURNS,
)
from agentd.llm.items import ChatMessage
from agentd.metrics import AgentMetrics
from agentd.metrics.usage import LLMModelUsage, STTModelUsage, TTSModelUsage, used_by
from agentd.voice.events import (
    ConversationItemAddedEvent,
    DeadAirEvent,
    MetricsCollectedEvent,
    OutageEndedEvent,
    OutageStartedEvent,
    OutputDegradedEvent,
)


class SessionFigures:
    """Those of one session: hears all its events, and remembers what the user has asked."""

    def __init__(self) -> None:
        self._asked: ChatMessage | None = None
        """What the user has said last, while nothing of the answer was heard."""

    def note(self, event: Any) -> None:
        """Something has happened."""
        match event:
            case MetricsCollectedEvent(metrics=metrics):
                count_usage(metrics)
            case ConversationItemAddedEvent(item=ChatMessage() as message):
                self._note_message(message)
            case DeadAirEvent(recovery=recovery):
                count(DEAD_AIR, recovery=recovery)
            case OutageStartedEvent(kind=kind):
                count(OUTAGES, kind=kind)
            case OutageEndedEvent(kind=kind, outcome=outcome, seconds=seconds):
                count(OUTAGE_SECONDS, seconds, kind=kind, outcome=outcome)
            case OutputDegradedEvent(lost=lost):
                count(OUTPUT_LOST, lost=lost)
            case _:
                pass

    def _note_message(self, message: ChatMessage) -> None:
        if message.role == "user":
            self._asked = message
            return
        if message.role != "assistant":
            return
        if message.interrupted:
            count(INTERRUPTIONS)
        asked, self._asked = self._asked, None
        if asked is not None:
            latency = turn_latency(asked, message)
            count(TURNS)
            for stage, seconds in latency.items():
                observe(TURN_LATENCY, seconds, stage=stage)
            here.note_turn(latency)


def turn_latency(asked: ChatMessage, answer: ChatMessage) -> dict[str, float]:
    """Seconds by stage, of those that are known. Pure."""
    heard, said = asked.metrics, answer.metrics
    known = {
        "e2e": said.get("e2e_latency", _through_tools(asked, answer)),
        "eot": heard.get("end_of_turn_delay"),
        "stt": heard.get("transcription_delay"),
        "llm": said.get("llm_node_ttft"),
        "tts": said.get("tts_node_ttfb"),
    }
    return {stage: seconds for stage, seconds in known.items() if seconds is not None}


def _through_tools(asked: ChatMessage, answer: ChatMessage) -> float | None:
    """Where tools came before the first word, only wall time tells how long the user waited."""
    ended, spoken = (
        asked.metrics.get("end_of_turn_delay"),
        answer.metrics.get("started_speaking_at"),
    )
    if ended is None or spoken is None:
        return None
    return max(0.0, spoken - asked.created_at + ended)


def count_usage(metrics: AgentMetrics) -> None:
    """Count what a model has used."""
    used = used_by(metrics)
    if used is None:
        return
    names = {"provider": used.provider, "model": used.model}
    match used:
        case LLMModelUsage():
            for kind, tokens in (
                ("input", used.input_tokens),
                ("input_cached", used.input_cached_tokens),
                ("input_audio", used.input_audio_tokens),
                ("output", used.output_tokens),
                ("output_audio", used.output_audio_tokens),
            ):
                if tokens:
                    count(TOKENS, tokens, kind=kind, **names)
        case TTSModelUsage():
            count(CHARACTERS, used.characters_count, **names)
            count(AUDIO, used.audio_duration, kind="tts", **names)
        case STTModelUsage():
            count(AUDIO, used.audio_duration, kind="stt", **names)
        case _:
            pass
