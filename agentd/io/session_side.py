"""What a room's input and output may ask of the session they serve.

The room is below the session and does not know it: it is handed something that can do this.
`agentd.voice.session.AgentSession` can. All of it is for the session's own loop, and none of it
waits unless it says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .attached import AgentInput, AgentOutput

AGENT_STATE_CHANGED = "agent_state_changed"
"""With an `AgentStateChanged`."""
USER_INPUT_TRANSCRIBED = "user_input_transcribed"
"""With a `UserInputTranscribed`."""
CLOSE = "close"
"""The session is over: stop reading, let go of inputs and outputs. With one argument."""


class AgentStateChanged(Protocol):
    """What listeners of `agent_state_changed` are given."""

    @property
    def old_state(self) -> str: ...
    @property
    def new_state(self) -> str:
        """`initializing`, `idle`, `listening`, `thinking` or `speaking`."""


class UserInputTranscribed(Protocol):
    """What listeners of `user_input_transcribed` are given."""

    @property
    def transcript(self) -> str:
        """All of the utterance so far, not only what is new."""

    @property
    def is_final(self) -> bool: ...
    @property
    def language(self) -> str | None: ...
    @property
    def speaker_id(self) -> str | None: ...


class SessionSide(Protocol):
    """A session, seen from the room."""

    @property
    def input(self) -> AgentInput:
        """Fill its slots with what the room gives; a slot that is filled already is the user's."""

    @property
    def output(self) -> AgentOutput:
        """The same."""

    @property
    def agent_state(self) -> str:
        """As in `AgentStateChanged`."""

    def on(self, event: str, callback: Callable[..., object]) -> Any:
        """Be told of an event; `callback` is a plain function."""

    def off(self, event: str, callback: Callable[..., object]) -> None:
        """Be told no more."""

    def take_text(self, text: str) -> Awaitable[object]:
        """The user has written: what is being said is interrupted, and a reply is generated.

        Goes on whether or not the result is awaited; never raises.
        """

    def interrupt(self, *, force: bool = False) -> Awaitable[None]:
        """Stop what is being said and what waits to be said; for text handlers of the user's."""

    def audience_present(self, present: bool) -> None:
        """Whether somebody can hear the agent: the time until the user counts as away starts with
        the first listener, and what is said before is said to nobody."""

    def key_pressed(self, digit: str, code: int, identity: str) -> None:
        """The user has pressed a key of the telephone."""

    def participant_left(self, identity: str, reason: str) -> None:
        """The linked participant has left for good: the session closes itself, without waiting."""

    def room_lost(self) -> None:
        """The room is gone for good, and everybody with it: the session closes itself."""

    def video_lost(self, reason: str) -> None:
        """The agent can't be seen any more: it is heard, and the session tells so by an event."""

    def audio_lost(self, reason: str) -> None:
        """The room's audio can't be used any more (input or output, the slots say which): the
        session goes on with text, and tells so by an event."""
