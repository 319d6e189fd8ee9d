"""The agent: a conversation with turns, replies, tools and handoffs.

The rules of turn-taking are pure (`turns`), the session is a supervision tree of tasks around them.
Rooms and models come in through interfaces; a job is known only as a host (`host`). The names are
loaded on first use: a job that has no session imports `host` and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd import io as io
    from agentd import room_io as room_io
    from agentd.tokenize import transforms as text_transforms  # noqa: F401 - public so

    from . import run_result as run_result
    from .agent import Agent as Agent
    from .context import RunContext as RunContext
    from .default_nodes import FlushSentinel as FlushSentinel
    from .default_nodes import ModelSettings as ModelSettings
    from .events import AgentEvent as AgentEvent
    from .events import AgentFalseInterruptionEvent as AgentFalseInterruptionEvent
    from .events import AgentStateChangedEvent as AgentStateChangedEvent
    from .events import CloseEvent as CloseEvent
    from .events import CloseReason as CloseReason
    from .events import ConversationItemAddedEvent as ConversationItemAddedEvent
    from .events import DeadAirEvent as DeadAirEvent
    from .events import ErrorEvent as ErrorEvent
    from .events import FunctionToolsExecutedEvent as FunctionToolsExecutedEvent
    from .events import MetricsCollectedEvent as MetricsCollectedEvent
    from .events import OutageEndedEvent as OutageEndedEvent
    from .events import OutageStartedEvent as OutageStartedEvent
    from .events import OutputDegradedEvent as OutputDegradedEvent
    from .events import OverlappingSpeechEvent as OverlappingSpeechEvent
    from .events import RecordingFailedEvent as RecordingFailedEvent
    from .events import SessionUsageUpdatedEvent as SessionUsageUpdatedEvent
    from .events import SipDtmfReceivedEvent as SipDtmfReceivedEvent
    from .events import SpeechCreatedEvent as SpeechCreatedEvent
    from .events import ToolCallEnded as ToolCallEnded
    from .events import ToolCallStarted as ToolCallStarted
    from .events import ToolCallUpdated as ToolCallUpdated
    from .events import ToolExecutionUpdatedEvent as ToolExecutionUpdatedEvent
    from .events import ToolReplyUpdated as ToolReplyUpdated
    from .events import UserInputTranscribedEvent as UserInputTranscribedEvent
    from .events import UserStateChangedEvent as UserStateChangedEvent
    from .events import UserTranscriptionTimeoutEvent as UserTranscriptionTimeoutEvent
    from .events import UserTurnDroppedEvent as UserTurnDroppedEvent
    from .events import UserTurnExceededEvent as UserTurnExceededEvent
    from .options import DeadAirOptions as DeadAirOptions
    from .options import OutageOptions as OutageOptions
    from .options import SessionConnectOptions as SessionConnectOptions
    from .options import ToolHandlingOptions as ToolHandlingOptions
    from .resume import ResumeContext as ResumeContext
    from .session import AgentSession as AgentSession
    from .speech import SpeechHandle as SpeechHandle
    from .tasks import AgentTask as AgentTask
    from .turns.options import EndpointingOptions as EndpointingOptions
    from .turns.options import InterruptionOptions as InterruptionOptions
    from .turns.options import PreemptiveGenerationOptions as PreemptiveGenerationOptions
    from .turns.options import TurnHandlingOptions as TurnHandlingOptions
    from .turns.options import UserTurnLimitOptions as UserTurnLimitOptions
    from .video_sampler import VoiceActivityVideoSampler as VoiceActivityVideoSampler

_NAMES = {
    "Agent": "agent",
    "RunContext": "context",
    "FlushSentinel": "default_nodes",
    "ModelSettings": "default_nodes",
    "AgentEvent": "events",
    "AgentFalseInterruptionEvent": "events",
    "AgentStateChangedEvent": "events",
    "CloseEvent": "events",
    "CloseReason": "events",
    "ConversationItemAddedEvent": "events",
    "DeadAirEvent": "events",
    "ErrorEvent": "events",
    "FunctionToolsExecutedEvent": "events",
    "MetricsCollectedEvent": "events",
    "OutageEndedEvent": "events",
    "OutageStartedEvent": "events",
    "OutputDegradedEvent": "events",
    "OverlappingSpeechEvent": "events",
    "RecordingFailedEvent": "events",
    "SessionUsageUpdatedEvent": "events",
    "SipDtmfReceivedEvent": "events",
    "SpeechCreatedEvent": "events",
    "ToolCallEnded": "events",
    "ToolCallStarted": "events",
    "ToolCallUpdated": "events",
    "ToolExecutionUpdatedEvent": "events",
    "ToolReplyUpdated": "events",
    "UserInputTranscribedEvent": "events",
    "UserStateChangedEvent": "events",
    "UserTranscriptionTimeoutEvent": "events",
    "UserTurnDroppedEvent": "events",
    "UserTurnExceededEvent": "events",
    "DeadAirOptions": "options",
    "OutageOptions": "options",
    "SessionConnectOptions": "options",
    "ToolHandlingOptions": "options",
    "ResumeContext": "resume",
    "AgentSession": "session",
    "SpeechHandle": "speech",
    "AgentTask": "tasks",
    "EndpointingOptions": "turns.options",
    "InterruptionOptions": "turns.options",
    "PreemptiveGenerationOptions": "turns.options",
    "TurnHandlingOptions": "turns.options",
    "UserTurnLimitOptions": "turns.options",
    "VoiceActivityVideoSampler": "video_sampler",
}
"""The module of each public name."""

_MODULES = {
    "events": "agentd.voice.events",
    "io": "agentd.io",
    "room_io": "agentd.room_io",
    "run_result": "agentd.voice.run_result",
    "text_transforms": "agentd.tokenize.transforms",
}
"""Modules that users know by name."""

__all__ = [*_NAMES, *_MODULES]  # noqa: PLE0604 - the tables above are the list


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
