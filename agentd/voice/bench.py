"""What replies are made with: the parts of a session that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from agentd.io.attached import AgentOutput
from agentd.llm.items import FunctionCall

from .agent_base import AgentBase
from .chatlog import ChatLog
from .context import RunContext
from .events import FunctionToolsExecutedEvent, UserTurnDroppedEvent
from .options import OutageKind
from .session_trace import SessionTrace
from .speaking.mouth import Mouth
from .speaking.spoken_text import SpeakingRate
from .speaking.stage import Stage
from .speech import Speech
from .tools.run import ToolRunner

ModelKind: TypeAlias = Literal["stt", "llm", "tts", "vad", "realtime"]


class FaultDesk(Protocol):
    """Who is told that a model has failed."""

    def failed(self, kind: ModelKind, error: BaseException, source: Any) -> bool:
        """It has failed for good: counted, and told to the user's code.

        Says whether its service is out: then it is not counted, and `until_usable` waits.
        """
        ...

    def worked(self, kind: ModelKind) -> None:
        """It works: what was counted is forgotten."""

    async def until_usable(self, kind: OutageKind) -> None:
        """Wait while the service of this kind of model is out; returns at once where it is not."""

    def missed(self, kind: OutageKind) -> bool:
        """The user has wanted what a model does; says whether its service is out."""
        ...


class TurnsDesk(Protocol):
    """Turn-taking, as far as a reply tells it."""

    def speech_thinking(self, speech: Speech) -> None:
        """The model or a tool works on it, and nothing of it is being heard."""

    async def cut_ones_ended(self, before: Speech | None = None) -> None:
        """Wait until what was interrupted is in the history; of what was made before a speech."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """A session's workbench; made with the session, the same for all its agents."""

    log: ChatLog
    mouth: Mouth
    stage: Stage
    runner: ToolRunner
    output: AgentOutput
    turns: TurnsDesk
    faults: FaultDesk
    emit: Callable[[FunctionToolsExecutedEvent | UserTurnDroppedEvent], None]
    hand_over: Callable[[AgentBase], None]
    context: Callable[[FunctionCall, Speech], RunContext[Any]]
    trace: SessionTrace
    progress: Callable[[], None]
    """Called when a sentence of what is being said has come to its end."""
    rate: SpeakingRate = field(default_factory=SpeakingRate)
