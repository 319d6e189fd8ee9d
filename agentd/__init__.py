"""agentd runs LiveKit voice agents as supervised child processes.

The public names are loaded on first use: any import of `agentd.x` runs this module, also
in the supervisor, which must not load the media library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import beta as beta
    from . import cli as cli
    from . import eot as eot
    from . import inference as inference
    from . import io as io
    from . import llm as llm
    from . import metrics as metrics
    from . import realtime as realtime
    from . import room_io as room_io
    from . import stt as stt
    from . import telemetry as telemetry
    from . import tokenize as tokenize
    from . import tts as tts
    from . import utils as utils
    from . import vad as vad
    from . import voice as voice
    from .app.options import JobExecutorType as JobExecutorType
    from .app.options import ServerEnvOption as ServerEnvOption
    from .app.options import ServerOptions as ServerOptions
    from .app.options import ServerType as ServerType
    from .app.options import WorkerOptions as WorkerOptions
    from .app.options import WorkerPermissions as WorkerPermissions
    from .app.options import WorkerType as WorkerType
    from .app.server import AgentServer as AgentServer
    from .audio.clips import BuiltinAudioClip as BuiltinAudioClip
    from .audio.sounds import AudioConfig as AudioConfig
    from .errors import APIConnectionError as APIConnectionError
    from .errors import APIError as APIError
    from .errors import APIStatusError as APIStatusError
    from .errors import APITimeoutError as APITimeoutError
    from .errors import UnexpectedModelBehavior as UnexpectedModelBehavior
    from .errors import create_api_error_from_http as create_api_error_from_http
    from .given import NOT_GIVEN as NOT_GIVEN
    from .given import NotGiven as NotGiven
    from .given import NotGivenOr as NotGivenOr
    from .job.context import JobContext as JobContext
    from .job.current import get_current_job_context as get_current_job_context
    from .job.current import get_job_context as get_job_context
    from .job.process import JobProcess as JobProcess
    from .job.request import JobRequest as JobRequest
    from .language import LanguageCode as LanguageCode
    from .llm import mcp as mcp
    from .llm.chat import ChatContext as ChatContext
    from .llm.instructions import Instructions as Instructions
    from .llm.items import AgentConfigUpdate as AgentConfigUpdate
    from .llm.items import AgentHandoff as AgentHandoff
    from .llm.items import ChatContent as ChatContent
    from .llm.items import ChatItem as ChatItem
    from .llm.items import ChatMessage as ChatMessage
    from .llm.items import ChatRole as ChatRole
    from .llm.items import FunctionCall as FunctionCall
    from .llm.items import FunctionCallOutput as FunctionCallOutput
    from .llm.tools import FunctionTool as FunctionTool
    from .llm.tools import ProviderTool as ProviderTool
    from .llm.tools import StopResponse as StopResponse
    from .llm.tools import ToolError as ToolError
    from .llm.tools import ToolFlag as ToolFlag
    from .llm.tools import ToolResult as ToolResult
    from .llm.tools import function_tool as function_tool
    from .llm.toolset import ToolContext as ToolContext
    from .llm.toolset import Toolset as Toolset
    from .recording.options import RecordingOptions as RecordingOptions
    from .resilience.options import DEFAULT_API_CONNECT_OPTIONS as DEFAULT_API_CONNECT_OPTIONS
    from .resilience.options import APIConnectOptions as APIConnectOptions
    from .room.background_audio import BackgroundAudioPlayer as BackgroundAudioPlayer
    from .room.connect import AutoSubscribe as AutoSubscribe
    from .room.deprecated import RoomInputOptions as RoomInputOptions
    from .room.deprecated import RoomOutputOptions as RoomOutputOptions
    from .room.roomio import RoomIO as RoomIO
    from .room.sound_deck import PlayHandle as PlayHandle
    from .tokenize import transforms as text_transforms  # noqa: F401 - public under this name
    from .voice.agent import Agent as Agent
    from .voice.context import RunContext as RunContext
    from .voice.default_nodes import FlushSentinel as FlushSentinel
    from .voice.default_nodes import ModelSettings as ModelSettings
    from .voice.events import AgentEvent as AgentEvent
    from .voice.events import AgentFalseInterruptionEvent as AgentFalseInterruptionEvent
    from .voice.events import AgentStateChangedEvent as AgentStateChangedEvent
    from .voice.events import CloseEvent as CloseEvent
    from .voice.events import CloseReason as CloseReason
    from .voice.events import ConversationItemAddedEvent as ConversationItemAddedEvent
    from .voice.events import DeadAirEvent as DeadAirEvent
    from .voice.events import ErrorEvent as ErrorEvent
    from .voice.events import FunctionToolsExecutedEvent as FunctionToolsExecutedEvent
    from .voice.events import MetricsCollectedEvent as MetricsCollectedEvent
    from .voice.events import OutputDegradedEvent as OutputDegradedEvent
    from .voice.events import OverlappingSpeechEvent as OverlappingSpeechEvent
    from .voice.events import RecordingFailedEvent as RecordingFailedEvent
    from .voice.events import SessionUsageUpdatedEvent as SessionUsageUpdatedEvent
    from .voice.events import SipDtmfReceivedEvent as SipDtmfReceivedEvent
    from .voice.events import SpeechCreatedEvent as SpeechCreatedEvent
    from .voice.events import ToolCallEnded as ToolCallEnded
    from .voice.events import ToolCallStarted as ToolCallStarted
    from .voice.events import ToolCallUpdated as ToolCallUpdated
    from .voice.events import ToolExecutionUpdatedEvent as ToolExecutionUpdatedEvent
    from .voice.events import ToolReplyUpdated as ToolReplyUpdated
    from .voice.events import UserInputTranscribedEvent as UserInputTranscribedEvent
    from .voice.events import UserStateChangedEvent as UserStateChangedEvent
    from .voice.events import UserTranscriptionTimeoutEvent as UserTranscriptionTimeoutEvent
    from .voice.events import UserTurnDroppedEvent as UserTurnDroppedEvent
    from .voice.events import UserTurnExceededEvent as UserTurnExceededEvent
    from .voice.options import DeadAirOptions as DeadAirOptions
    from .voice.options import SessionConnectOptions as SessionConnectOptions
    from .voice.options import ToolHandlingOptions as ToolHandlingOptions
    from .voice.resume import ResumeContext as ResumeContext
    from .voice.run_result import AgentHandoffEvent as AgentHandoffEvent
    from .voice.run_result import ChatMessageEvent as ChatMessageEvent
    from .voice.run_result import EventAssert as EventAssert
    from .voice.run_result import EventRangeAssert as EventRangeAssert
    from .voice.run_result import FunctionCallEvent as FunctionCallEvent
    from .voice.run_result import FunctionCallOutputEvent as FunctionCallOutputEvent
    from .voice.run_result import RunAssert as RunAssert
    from .voice.run_result import RunEvent as RunEvent
    from .voice.run_result import RunResult as RunResult
    from .voice.run_result import mock_tools as mock_tools
    from .voice.session import AgentSession as AgentSession
    from .voice.speech import SpeechHandle as SpeechHandle
    from .voice.tasks import AgentTask as AgentTask
    from .voice.turns.options import EndpointingOptions as EndpointingOptions
    from .voice.turns.options import InterruptionOptions as InterruptionOptions
    from .voice.turns.options import PreemptiveGenerationOptions as PreemptiveGenerationOptions
    from .voice.turns.options import TurnHandlingOptions as TurnHandlingOptions
    from .voice.turns.options import UserTurnLimitOptions as UserTurnLimitOptions

__version__ = "0.1.0"

_NAMES = {
    "AgentServer": "app.server",
    "JobExecutorType": "app.options",
    "ServerEnvOption": "app.options",
    "ServerOptions": "app.options",
    "ServerType": "app.options",
    "WorkerOptions": "app.options",
    "WorkerPermissions": "app.options",
    "WorkerType": "app.options",
    "NOT_GIVEN": "given",
    "NotGiven": "given",
    "NotGivenOr": "given",
    "JobContext": "job.context",
    "get_current_job_context": "job.current",
    "get_job_context": "job.current",
    "JobProcess": "job.process",
    "JobRequest": "job.request",
    "AudioConfig": "audio.sounds",
    "BuiltinAudioClip": "audio.clips",
    "BackgroundAudioPlayer": "room.background_audio",
    "RoomInputOptions": "room.deprecated",
    "RoomOutputOptions": "room.deprecated",
    "RoomIO": "room.roomio",
    "PlayHandle": "room.sound_deck",
    "AutoSubscribe": "room.connect",
    "LanguageCode": "language",
    "RecordingOptions": "recording.options",
    "AgentSession": "voice.session",
    "Agent": "voice.agent",
    "FlushSentinel": "voice.default_nodes",
    "ModelSettings": "voice.default_nodes",
    "AgentTask": "voice.tasks",
    "RunContext": "voice.context",
    "SpeechHandle": "voice.speech",
    "ResumeContext": "voice.resume",
    "DeadAirOptions": "voice.options",
    "SessionConnectOptions": "voice.options",
    "ToolHandlingOptions": "voice.options",
    "AgentEvent": "voice.events",
    "AgentFalseInterruptionEvent": "voice.events",
    "AgentStateChangedEvent": "voice.events",
    "CloseEvent": "voice.events",
    "CloseReason": "voice.events",
    "ConversationItemAddedEvent": "voice.events",
    "DeadAirEvent": "voice.events",
    "ErrorEvent": "voice.events",
    "FunctionToolsExecutedEvent": "voice.events",
    "MetricsCollectedEvent": "voice.events",
    "OutputDegradedEvent": "voice.events",
    "OverlappingSpeechEvent": "voice.events",
    "RecordingFailedEvent": "voice.events",
    "SessionUsageUpdatedEvent": "voice.events",
    "SipDtmfReceivedEvent": "voice.events",
    "SpeechCreatedEvent": "voice.events",
    "ToolCallEnded": "voice.events",
    "ToolCallStarted": "voice.events",
    "ToolCallUpdated": "voice.events",
    "ToolExecutionUpdatedEvent": "voice.events",
    "ToolReplyUpdated": "voice.events",
    "UserInputTranscribedEvent": "voice.events",
    "UserStateChangedEvent": "voice.events",
    "UserTranscriptionTimeoutEvent": "voice.events",
    "UserTurnDroppedEvent": "voice.events",
    "UserTurnExceededEvent": "voice.events",
    "AgentHandoffEvent": "voice.run_result",
    "ChatMessageEvent": "voice.run_result",
    "EventAssert": "voice.run_result",
    "EventRangeAssert": "voice.run_result",
    "FunctionCallEvent": "voice.run_result",
    "FunctionCallOutputEvent": "voice.run_result",
    "RunAssert": "voice.run_result",
    "RunEvent": "voice.run_result",
    "RunResult": "voice.run_result",
    "mock_tools": "voice.run_result",
    "EndpointingOptions": "voice.turns.options",
    "InterruptionOptions": "voice.turns.options",
    "PreemptiveGenerationOptions": "voice.turns.options",
    "TurnHandlingOptions": "voice.turns.options",
    "UserTurnLimitOptions": "voice.turns.options",
    "ChatContext": "llm.chat",
    "AgentConfigUpdate": "llm.items",
    "AgentHandoff": "llm.items",
    "ChatContent": "llm.items",
    "ChatItem": "llm.items",
    "ChatMessage": "llm.items",
    "ChatRole": "llm.items",
    "FunctionCall": "llm.items",
    "FunctionCallOutput": "llm.items",
    "Instructions": "llm.instructions",
    "FunctionTool": "llm.tools",
    "ProviderTool": "llm.tools",
    "StopResponse": "llm.tools",
    "ToolError": "llm.tools",
    "ToolFlag": "llm.tools",
    "ToolResult": "llm.tools",
    "function_tool": "llm.tools",
    "ToolContext": "llm.toolset",
    "Toolset": "llm.toolset",
    "APIConnectOptions": "resilience.options",
    "DEFAULT_API_CONNECT_OPTIONS": "resilience.options",
    "APIConnectionError": "errors",
    "APIError": "errors",
    "APIStatusError": "errors",
    "APITimeoutError": "errors",
    "UnexpectedModelBehavior": "errors",
    "create_api_error_from_http": "errors",
}
"""The module of each public name."""

_ROOMS = {
    "cli": "cli",
    "eot": "eot",
    "inference": "inference",
    "io": "io",
    "llm": "llm",
    "metrics": "metrics",
    "realtime": "realtime",
    "room_io": "room_io",
    "stt": "stt",
    "telemetry": "telemetry",
    "text_transforms": "tokenize.transforms",
    "tokenize": "tokenize",
    "tts": "tts",
    "utils": "utils",
    "vad": "vad",
    "voice": "voice",
}
"""Modules that are public as such."""

_EXTRAS = {"mcp": "llm.mcp"}
"""Those that need an extra: not for who imports everything."""

__all__ = [*_NAMES, *_ROOMS, "__version__"]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if room := _ROOMS.get(name) or _EXTRAS.get(name):
        return importlib.import_module(f"{__name__}.{room}")
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
