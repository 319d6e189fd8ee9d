"""What a conversation consists of: messages, calls of tools and their outputs, changes of agent.

Plain data. Every item has an id and the wall time at which it was made, and goes into a snapshot
as it is.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

from msgspec import Struct, field

from agentd.aio.timing import wall_time
from agentd.audio.frame import AudioFrame, FrameLike, as_frame
from agentd.ids import shortuuid

from .images import Picture, PictureLike, as_picture
from .instructions import Instructions

ChatRole: TypeAlias = Literal["developer", "system", "user", "assistant"]


def item_id() -> str:
    """A new name for an item."""
    return shortuuid("item_")


class ImageContent(Struct, kw_only=True, tag="image_content", tag_field="type"):
    """A picture in a message: a URL, a data URL, a `Picture`, or a video frame (ours or rtc's)."""

    type: ClassVar[Literal["image_content"]] = "image_content"

    image: str | Picture
    id: str = field(default_factory=lambda: shortuuid("img_"))
    inference_width: int | None = None
    """Pixels to make it smaller to, where it is a `Picture`; its shape is kept."""
    inference_height: int | None = None
    inference_detail: Literal["auto", "high", "low"] = "auto"
    mime_type: str | None = None
    """Of what a URL leads to, where the provider asks."""

    def __post_init__(self) -> None:
        given: str | Picture | PictureLike = self.image
        if not isinstance(given, str | Picture):
            self.image = as_picture(given)


class AudioContent(Struct, kw_only=True, tag="audio_content", tag_field="type"):
    """Speech in a message, with its words where they are known."""

    type: ClassVar[Literal["audio_content"]] = "audio_content"

    frame: list[AudioFrame]
    transcript: str | None = None

    def __post_init__(self) -> None:
        frames: list[AudioFrame | FrameLike] = [*self.frame]
        self.frame = [as_frame(frame) for frame in frames]


ChatContent: TypeAlias = str | Instructions | ImageContent | AudioContent


class MetricsMetadata(TypedDict, total=False):
    """Which model a figure is about."""

    model_name: str
    model_provider: str


class MetricsReport(TypedDict, total=False):
    """What the turn of a message took. Delays in seconds, instants in wall time."""

    started_speaking_at: float
    stopped_speaking_at: float
    transcription_delay: float
    """From the end of the user's speech to its final transcript."""
    end_of_turn_delay: float
    """From the end of the user's speech to the decision that the turn is over."""
    on_user_turn_completed_delay: float
    llm_node_ttft: float
    llm_node_tps: float
    """Tokens a second."""
    llm_node_ttfs: float
    """Until the first sentence was whole."""
    tts_node_ttfb: float
    playback_latency: float
    e2e_latency: float
    """From the end of the user's speech to the first audio of the reply."""
    provider_request_ids: list[str]
    llm_metadata: MetricsMetadata
    tts_metadata: MetricsMetadata
    stt_metadata: MetricsMetadata


class ChatMessage(Struct, kw_only=True, tag="message", tag_field="type"):
    """What somebody said. `content` may be given as one str."""

    type: ClassVar[Literal["message"]] = "message"

    role: ChatRole
    content: list[ChatContent]
    id: str = field(default_factory=item_id)
    interrupted: bool = False
    """Whether the agent was cut off; the content is what was heard of it."""
    transcript_confidence: float | None = None
    """From 0 to 1, where the speech-to-text model has told."""
    extra: dict[str, Any] = {}
    """What a provider wants to see again, and what the app likes to keep; JSON's types."""
    metrics: MetricsReport = field(default_factory=MetricsReport)
    created_at: float = field(default_factory=wall_time)
    hash: bytes | None = None
    """Of what it was made from, where somebody wants to tell whether that has changed."""

    def __post_init__(self) -> None:
        given: object = self.content
        if isinstance(given, str):
            self.content = [given]

    @property
    def text_content(self) -> str | None:
        """Its texts, a line each, what was said in audio left out; None if it has none."""
        texts = [str(part) for part in self.content if isinstance(part, str | Instructions)]
        return "\n".join(texts) if texts else None


class FunctionCall(Struct, kw_only=True, tag="function_call", tag_field="type"):
    """The model has asked for a tool."""

    type: ClassVar[Literal["function_call"]] = "function_call"

    call_id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""
    id: str = field(default_factory=item_id)
    created_at: float = field(default_factory=wall_time)
    extra: dict[str, Any] = {}
    group_id: str | None = None
    """The same for the calls that one reply has asked for."""


class FunctionCallOutput(Struct, kw_only=True, tag="function_call_output", tag_field="type"):
    """What came of a call."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"

    call_id: str
    name: str = ""
    output: str
    is_error: bool = False
    id: str = field(default_factory=item_id)
    created_at: float = field(default_factory=wall_time)
    reply_required: bool = True
    """Whether the model is to say something about it."""


class AgentHandoff(Struct, kw_only=True, tag="agent_handoff", tag_field="type"):
    """Another agent has taken over."""

    type: ClassVar[Literal["agent_handoff"]] = "agent_handoff"

    new_agent_id: str
    old_agent_id: str | None = None
    id: str = field(default_factory=item_id)
    created_at: float = field(default_factory=wall_time)


class AgentConfigUpdate(Struct, kw_only=True, tag="agent_config_update", tag_field="type"):
    """The agent's instructions or tools have changed."""

    type: ClassVar[Literal["agent_config_update"]] = "agent_config_update"

    instructions: str | None = None
    tools_added: list[str] | None = None
    tools_removed: list[str] | None = None
    id: str = field(default_factory=item_id)
    created_at: float = field(default_factory=wall_time)


ChatItem: TypeAlias = (
    ChatMessage | FunctionCall | FunctionCallOutput | AgentHandoff | AgentConfigUpdate
)
