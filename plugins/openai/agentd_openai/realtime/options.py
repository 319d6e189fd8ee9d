"""What a realtime model may be told, and the session's settings that come of it. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct, field
from openai import BaseModel
from openai.types.realtime.session_update_event_param import Session

from agentd.llm.events import NamedToolChoice, ToolChoice
from agentd.llm.tools import FunctionTool, RawFunctionTool, Tool
from agentd_openai.tools import OpenAITool

from .wire import RATE

logger = logging.getLogger("agentd.openai")

Part: TypeAlias = Mapping[str, Any] | BaseModel
"""A part of the settings, as the API names its fields; one of the SDK's types will do, too."""

Modality: TypeAlias = Literal["text", "audio"]
NoiseReduction: TypeAlias = Literal["near_field", "far_field"]

SEMANTIC_VAD: Part = {"type": "semantic_vad", "eagerness": "medium"}
SERVER_VAD: Part = {"type": "server_vad"}
TRANSCRIPTION: Part = {"model": "gpt-4o-mini-transcribe"}
RESPONSE_TIMEOUT = 8.0
"""Seconds that a response may give no sign of itself; a session waits ten for one to begin."""
RENEW_AFTER = 20 * 60.0
"""Seconds, as in livekit-agents (row 245); the service ends a session after an hour."""
RENEW_DEADLINE = 120.0
"""Seconds that a new connection waits for a quiet moment, until it is used all the same."""


class RealtimeOptions(Struct, frozen=True, kw_only=True):
    """How a model hears and speaks. None leaves a thing to the service, but for the first four."""

    model: str = "gpt-realtime"
    modalities: tuple[Modality, ...] = ("audio",)
    """("text",) for a model that only writes."""
    turn_detection: Part | None = field(default_factory=lambda: SEMANTIC_VAD)
    """None for turns by hand."""
    transcription: Part | None = field(default_factory=lambda: TRANSCRIPTION)
    """None for not at all."""
    voice: str | None = "marin"
    speed: float | None = None
    noise_reduction: NoiseReduction | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    tracing: Literal["auto"] | Part | None = None
    truncation: Literal["auto", "disabled"] | Part | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    renew_after: float | None = RENEW_AFTER
    """None for a session that ends when the service ends it, and goes on after that."""
    renew_deadline: float = RENEW_DEADLINE
    response_timeout: float = RESPONSE_TIMEOUT
    """Seconds without a sign of a response, after which it is given up."""
    runs_tools: bool = False
    """Whether the service itself runs tools in a realtime session, other than MCP servers'."""
    echoes_metadata: bool = True
    """Whether the service tells in a response what it was asked with; some that resemble it do
    not, and then the first response after a request is taken for its answer."""

    @property
    def speaks(self) -> bool:
        """Whether it has a voice."""
        return "audio" in self.modalities


def session_settings(
    options: RealtimeOptions, *, instructions: str, tools: Sequence[dict[str, Any]]
) -> Session:
    """All settings of a session, as `session.update` takes them; tools as `described`."""
    settings: dict[str, Any] = {
        "type": "realtime",
        "instructions": instructions,
        "output_modalities": list(options.modalities),
        "tools": list(tools),
        "tool_choice": wire_choice(options.tool_choice or "auto"),
        "audio": {"input": _input(options), "output": _output(options)},
    }
    settings |= {
        name: value
        for name, value in (
            ("max_output_tokens", options.max_output_tokens),
            ("tracing", plain(options.tracing)),
            ("truncation", plain(options.truncation)),
            ("parallel_tool_calls", options.parallel_tool_calls),
        )
        if value is not None
    }
    return cast("Session", settings)


def described(tools: Sequence[Tool], options: RealtimeOptions) -> list[dict[str, Any]]:
    """The tools' entries. What a realtime session can't use is left out, which the log tells."""
    entries = []
    for tool in tools:
        if isinstance(tool, FunctionTool | RawFunctionTool):
            entry: dict[str, Any] | None = _function(tool)
        else:
            entry = _of_provider(tool, options)
        if entry is not None:
            entries.append(entry)
        else:
            logger.warning(
                "the realtime service does not run this tool: it is left out",
                extra={"action": "tools_left_out", "tool": tool.id, "model": options.model},
            )
    return entries


def _function(tool: FunctionTool[..., Any] | RawFunctionTool[..., Any]) -> dict[str, Any]:
    """Without the envelope that chat completions have around it, and without `strict`."""
    function = tool.schema(strict=False)["function"]
    names = ("name", "description", "parameters")
    return {"type": "function"} | {name: function[name] for name in names if name in function}


def _of_provider(tool: Tool, options: RealtimeOptions) -> dict[str, Any] | None:
    if not isinstance(tool, OpenAITool):
        return None
    entry = tool.entry()
    return entry if options.runs_tools or entry["type"] == "mcp" else None


def wire_choice(choice: ToolChoice) -> Any:
    """A choice of tools as the realtime API writes it."""
    if isinstance(choice, NamedToolChoice):
        return {"type": "function", "name": choice.function.name}
    if isinstance(choice, dict):
        function = choice.get("function") or {}
        return {"type": "function", "name": function.get("name", choice.get("name", ""))}
    return choice


def plain(part: Any) -> Any:
    """A part of the settings as JSON's types."""
    if isinstance(part, BaseModel):
        return part.model_dump(exclude_unset=True)
    return dict(part) if isinstance(part, Mapping) else part


def _input(options: RealtimeOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "format": {"type": "audio/pcm", "rate": RATE},
        "turn_detection": plain(options.turn_detection),
        "transcription": plain(options.transcription),
    }
    if options.noise_reduction is not None:
        settings["noise_reduction"] = {"type": options.noise_reduction}
    return settings


def _output(options: RealtimeOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {"format": {"type": "audio/pcm", "rate": RATE}}
    if options.voice is not None:
        settings["voice"] = options.voice
    if options.speed is not None:
        settings["speed"] = options.speed
    return settings
