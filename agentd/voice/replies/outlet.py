"""Where a step of a speech goes to, and through which nodes."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from agentd.io.attached import AgentOutput
from agentd.io.base import AudioOutput, TextOutput
from agentd.voice.agent import Agent, is_overridden
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.models import Setting
from agentd.voice.speaking.spoken_text import SpeakingRate

from .segment import TextNode


class Outlet(Struct, frozen=True, kw_only=True, eq=False):
    """What is spoken and written through, as it is when the step begins."""

    audio: AudioOutput | None
    text: TextOutput | None
    voice: TextNode | None
    """None where there is none: the text is only written."""
    transcript: TextNode
    rate: SpeakingRate
    aligned: bool = False
    """Whether the transcript is made of the words whose times the voice tells."""
    voiced: bool = True
    """Whether the voice is given the text; False where it has audio of its own."""


def make_outlet(
    agent: Agent,
    setting: Setting,
    output: AgentOutput,
    rate: SpeakingRate,
    *,
    audio: Any = None,
) -> Outlet:
    """The outlet of a step of this agent's; with `audio`, which is what a node gives, that is heard
    in place of its voice."""
    tts = setting.models.tts
    has_voice = tts is not None or is_overridden(agent, "tts_node")
    aligned = setting.aligned_transcript and tts is not None
    voice = _voice(agent) if has_voice else None
    return Outlet(
        audio=output.active_audio,
        text=output.active_transcription,
        voice=(lambda _: audio) if audio is not None else voice,
        transcript=lambda text: agent.transcription_node(text, ModelSettings()),
        rate=rate,
        aligned=aligned and tts is not None and tts.capabilities.aligned_transcript,
        voiced=audio is None,
    )


def _voice(agent: Agent) -> TextNode:
    return lambda text: agent.tts_node(text, ModelSettings())
