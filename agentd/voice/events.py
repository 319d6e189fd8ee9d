"""What a session tells the user's code, one Struct an event, under livekit-agents' names.

`session.on("<type>", listener)` gives the listener one of these. All have a `type` and the wall
time at which they were made.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct, field

from agentd.aio.timing import wall_time
from agentd.llm.items import ChatItem, FunctionCall, FunctionCallOutput
from agentd.metrics import AgentMetrics

from .options import OutageKind
from .speech import SpeechHandle, SpeechSource
from .turns.actions import AgentState, DropReason, UserState


class _Event(Struct, frozen=True, kw_only=True, eq=False):
    type: ClassVar[str]
    created_at: float = field(default_factory=wall_time)


# -- the two sides -----------------------------------------------------------------------


class UserStateChangedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The user began to speak, fell silent, or has been silent for long."""

    type = "user_state_changed"
    old_state: UserState
    new_state: UserState


class AgentStateChangedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The agent listens, thinks or speaks."""

    type = "agent_state_changed"
    old_state: AgentState
    new_state: AgentState


class UserInputTranscribedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """What the user said, so far or in full."""

    type = "user_input_transcribed"
    transcript: str
    is_final: bool
    language: str | None = None
    speaker_id: str | None = None


class SipDtmfReceivedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The user has pressed a key of the telephone. In livekit-agents only the room tells."""

    type = "sip_dtmf_received"
    digit: str
    """`0` to `9`, `*`, `#`, or `A` to `D`."""
    code: int
    participant_identity: str


class UserTranscriptionTimeoutEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The VAD heard speech, and no text came of it. Instants are wall time."""

    type = "user_transcription_timeout"
    speech_started_at: float
    speech_ended_at: float


class AgentFalseInterruptionEvent(_Event, frozen=True, kw_only=True, eq=False):
    """Nothing followed what had interrupted the agent."""

    type = "agent_false_interruption"
    resumed: bool
    """Whether the speech goes on. If not, it was cut off."""
    speech_id: str = ""


class OverlappingSpeechEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The user spoke while the agent was heard."""

    type = "overlapping_speech"
    is_interruption: bool
    overlap_started_at: float
    """Wall time."""
    speech_id: str = ""


class UserTurnDroppedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """What the user said is not answered. Not in livekit-agents, where nothing tells."""

    type = "user_turn_dropped"
    reason: DropReason
    transcript: str = ""
    detail: str = ""


class UserTurnExceededEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The user has spoken too long; what the hook `on_user_turn_exceeded` is given."""

    type = "user_turn_exceeded"
    transcript: str
    """Of this turn."""
    accumulated_transcript: str
    """Since the agent was last heard."""
    accumulated_word_count: int
    duration: float
    """Seconds since the user began to speak."""


# -- speech and tools --------------------------------------------------------------------


class SpeechCreatedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The agent is about to say something."""

    type = "speech_created"
    user_initiated: bool
    """Whether the user's code asked for it."""
    source: SpeechSource
    speech_handle: SpeechHandle


class ConversationItemAddedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The history has grown: somebody's message, or a change of agent."""

    type = "conversation_item_added"
    item: ChatItem


class FunctionToolsExecutedEvent(Struct, kw_only=True, eq=False):
    """The calls of one reply have been carried out. A listener may change what follows."""

    type: ClassVar[str] = "function_tools_executed"
    function_calls: list[FunctionCall]
    function_call_outputs: list[FunctionCallOutput | None]
    created_at: float = field(default_factory=wall_time)
    has_tool_reply: bool = False
    """Whether the model will say something about the outputs."""
    has_agent_handoff: bool = False
    """Whether another agent takes over."""

    def zipped(self) -> list[tuple[FunctionCall, FunctionCallOutput | None]]:
        """Each call with its output."""
        return list(zip(self.function_calls, self.function_call_outputs, strict=True))

    def cancel_tool_reply(self) -> None:
        """Let the model say nothing."""
        self.has_tool_reply = False

    def cancel_agent_handoff(self) -> None:
        """Let the agent stay."""
        self.has_agent_handoff = False


class ToolCallStarted(Struct, frozen=True, kw_only=True, tag="tool_call_started", tag_field="type"):
    """A tool begins to work."""

    function_call: FunctionCall


class ToolCallUpdated(Struct, frozen=True, kw_only=True, tag="tool_call_updated", tag_field="type"):
    """A tool has said how far it is (`context.update`)."""

    call_id: str
    message: str


class ToolCallEnded(Struct, frozen=True, kw_only=True, tag="tool_call_ended", tag_field="type"):
    """A tool has ended."""

    call_id: str
    status: Literal["done", "error", "cancelled"]
    message: str = ""
    """Its output, or its error."""


class ToolReplyUpdated(
    Struct, frozen=True, kw_only=True, tag="tool_reply_updated", tag_field="type"
):
    """A reply about what tools have said later."""

    update_ids: list[str]
    """Of the calls that it is about."""
    status: Literal["scheduled", "completed", "interrupted", "skipped"]
    message: str = ""


ToolExecutionUpdate: TypeAlias = (
    ToolCallStarted | ToolCallUpdated | ToolCallEnded | ToolReplyUpdated
)


class ToolExecutionUpdatedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """Something has happened to a tool that runs."""

    type = "tool_execution_updated"
    update: ToolExecutionUpdate


# -- costs, faults, the end ----------------------------------------------------------------


class MetricsCollectedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """Something was measured. `session_usage_updated` has the sums."""

    type = "metrics_collected"
    metrics: AgentMetrics


class SessionUsageUpdatedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """What the session has cost so far."""

    type = "session_usage_updated"
    usage: Any


class ErrorEvent(_Event, frozen=True, kw_only=True, eq=False):
    """A model has failed."""

    type = "error"
    error: Any
    """An STTError, LLMError, TTSError or RealtimeModelError, or an exception."""
    source: Any
    """The model."""


class OutageStartedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """A model has failed and its service is out: the session stays, says so, and goes on by itself
    when it works again. Not in livekit-agents."""

    type = "outage_started"
    kind: OutageKind
    model: str
    """Its label."""
    error: Any
    """What it failed of."""
    said: str
    """The apology; empty where there is none, as shortly after the last one."""
    count: int
    """Outages in this session so far."""


class OutageEndedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """An outage is over. Not in livekit-agents."""

    type = "outage_ended"
    kind: OutageKind
    model: str
    seconds: float
    """How long it has lasted."""
    outcome: Literal["recovered", "replaced", "gave_up", "closed"]
    """The service works again; the agent has another model now; the session ends since it has
    waited long enough; the session ends for another reason."""


class DeadAirEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The agent owed the user speech, and none was heard for too long. Not in livekit-agents."""

    type = "dead_air"
    speech_id: str
    silent_for: float
    """Seconds."""
    stages: dict[str, str]
    """What each stage was doing."""
    recovery: Literal["retry", "filler", "apology", "text", "outage", "none"]
    """What is done about it; `text`: not even the apology was heard, and the session only writes
    from now on (`session.output.set_audio_enabled(True)` has it speak again)."""
    count: int
    """Times that this has happened in this session."""


class OutputDegradedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """Audio was lost: the session goes on with text; or video, and it goes on with audio. Not in
    livekit-agents."""

    type = "output_degraded"
    lost: Literal["audio_input", "audio_output", "video_output", "speech_synthesis"]
    reason: str


class RecordingFailedEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The recording ends here, as for a full disk; the call goes on. Not in livekit-agents."""

    type = "recording_failed"
    path: str
    """What is in it until now can be read."""
    reason: str


class CloseReason(StrEnum):
    """Why a session ended."""

    ERROR = "error"
    JOB_SHUTDOWN = "job_shutdown"
    PARTICIPANT_DISCONNECTED = "participant_disconnected"
    USER_INITIATED = "user_initiated"
    TASK_COMPLETED = "task_completed"


class CloseEvent(_Event, frozen=True, kw_only=True, eq=False):
    """The session is over. No other event comes after it."""

    type = "close"
    reason: CloseReason
    error: Any = None
    """What it ended of, where the reason is an error."""


class DebugMessageEvent(_Event, frozen=True, kw_only=True, eq=False):
    """Something for developers."""

    type = "debug_message"
    message: str
    data: dict[str, Any] = {}


AgentEvent: TypeAlias = (
    UserStateChangedEvent
    | AgentStateChangedEvent
    | UserInputTranscribedEvent
    | SipDtmfReceivedEvent
    | UserTranscriptionTimeoutEvent
    | AgentFalseInterruptionEvent
    | OverlappingSpeechEvent
    | UserTurnDroppedEvent
    | SpeechCreatedEvent
    | ConversationItemAddedEvent
    | FunctionToolsExecutedEvent
    | ToolExecutionUpdatedEvent
    | MetricsCollectedEvent
    | SessionUsageUpdatedEvent
    | ErrorEvent
    | OutageStartedEvent
    | OutageEndedEvent
    | DeadAirEvent
    | OutputDegradedEvent
    | RecordingFailedEvent
    | CloseEvent
    | DebugMessageEvent
)
