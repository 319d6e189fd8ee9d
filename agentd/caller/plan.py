"""What a call is asked to be, and what came of it: data only."""

from __future__ import annotations

import secrets

from msgspec import Struct, field

from agentd.audio.pcm import Clip

from .timeline import Latencies, Moment


def random_room() -> str:
    """A name that no other call has."""
    return f"call-{secrets.token_hex(4)}"


class Access(Struct, frozen=True, kw_only=True, eq=False):
    """Whom to call, and where."""

    url: str
    api_key: str
    api_secret: str
    agent_name: str = ""
    """Empty: no dispatch is made, and the room's creation is to bring the agent."""
    room: str = field(default_factory=random_room)
    metadata: str = ""
    """Metadata of the dispatch, which the agent finds in its job."""
    timeout: float = 20.0
    """Seconds for each step: joining, the agent's coming, its listening, its reply."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(room={self.room!r}, agent_name={self.agent_name!r}, ...)"


class CallPlan(Access, frozen=True, kw_only=True, eq=False):
    """Whom to call, and what to say."""

    speech: Clip
    silence_after: float = 2.0
    """Seconds of silence after which an answer is over."""
    max_answer: float = 120.0
    """Seconds after which an answer that does not end is left."""


class CallReport(Struct, frozen=True, kw_only=True, eq=False):
    """What came of a call."""

    room: str
    agent_identity: str
    moments: list[Moment]
    latencies: Latencies
    recording: Clip
    """The agent's audio, from the moment its track came, at the rate of the speech."""
    answer_ended: bool
    """False when the answer was left before it had ended."""
