"""What the service hears of the user: speech, its end, its words, and whether it owes an answer."""

from __future__ import annotations

from collections.abc import Callable

from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeServerEvent,
)

from agentd.aio.timing import now
from agentd.errors import APIError
from agentd.realtime import (
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    RealtimeError,
    RealtimeEvent,
    RemoteItemAdded,
)

from .conversation import Conversation
from .hearing import Hearing
from .options import RealtimeOptions, plain

QUIET = 1.0
"""Seconds since the user was last heard, after which a moment is a quiet one."""
OWED = 10.0
"""Seconds after a turn of the user's within which its answer is asked for again, where the
connection was lost before it began."""
NEVER = float("-inf")


class Listening:
    """Turns the service's events about the user into a session's, and keeps what they mean."""

    def __init__(
        self,
        options: RealtimeOptions,
        conversation: Conversation,
        emit: Callable[[RealtimeEvent], None],
        *,
        label: str,
    ) -> None:
        self.hearing = Hearing(by_hand=options.turn_detection is None)
        self.quiet_at = NEVER
        """When the user has been silent for long enough, if he says nothing more."""
        self._options = options
        self._conversation = conversation
        self._emit = emit
        self._label = label
        self._interim: dict[str, str] = {}
        self._owed_until = NEVER
        """The user has finished, and until this instant the service may be about to answer."""

    @property
    def hears_nobody(self) -> bool:
        """Whether the user neither speaks nor waits to be understood."""
        return self.hearing.by_hand or self.hearing.is_settled

    def use(self, options: RealtimeOptions) -> None:
        """Others hold from now on."""
        self._options = options
        self.hearing.by_hand = options.turn_detection is None

    def answered(self) -> None:
        """A response begins."""
        self._owed_until = NEVER

    def lost(self) -> None:
        """The connection is gone."""
        self.hearing.offline = True
        self._interim.clear()

    def moved(self) -> tuple[list[bytes | None], bool]:
        """What another connection is to hear (None: a commit), and whether it owes an answer to
        what the last one has understood."""
        owed = now() < self._owed_until and self.hearing.is_settled
        self._owed_until = NEVER if owed else self._owed_until
        return self.hearing.moved(), owed

    def take(self, event: RealtimeServerEvent) -> bool:
        """An event of the service; says whether it was about the user."""
        match event:
            case InputAudioBufferSpeechStartedEvent():
                self.hearing.speech_started()
                self._emit(InputSpeechStarted())
            case InputAudioBufferSpeechStoppedEvent():
                self.hearing.speech_stopped()
                self.quiet_at = now() + QUIET
                transcribed = self._options.transcription is not None
                self._emit(InputSpeechStopped(user_transcription_enabled=transcribed))
            case InputAudioBufferCommittedEvent():
                self._committed(event)
            case ConversationItemInputAudioTranscriptionDeltaEvent():
                text = self._interim.get(event.item_id, "") + (event.delta or "")
                self._interim[event.item_id] = text
                self._hear(event.item_id, text, is_final=False)
            case ConversationItemInputAudioTranscriptionCompletedEvent():
                self._understood(event.item_id, (event.transcript or "").strip())
            case ConversationItemInputAudioTranscriptionFailedEvent():
                self._not_understood(event)
            case _:
                return False
        return True

    def _committed(self, event: InputAudioBufferCommittedEvent) -> None:
        settings = plain(self._options.turn_detection)
        if settings is not None and settings.get("create_response") is not False:
            self._owed_until = now() + OWED
        item_id, before = event.item_id, event.previous_item_id
        blank = {"id": item_id, "type": "message", "role": "user", "content": []}
        if self._conversation.added(item_id, blank, before):
            self._emit(RemoteItemAdded(item_id=item_id, previous_item_id=before))

    def _understood(self, item_id: str, text: str) -> None:
        self._interim.pop(item_id, None)
        self._conversation.said(item_id, text)
        self.hearing.settled()
        self._hear(item_id, text, is_final=True)

    def _not_understood(self, event: ConversationItemInputAudioTranscriptionFailedEvent) -> None:
        self._interim.pop(event.item_id, None)
        self.hearing.settled()
        why = event.error.message or event.error.code
        error = APIError(f"{self._label} could not transcribe: {why}")
        self._emit(RealtimeError(error=error, recoverable=True))

    def _hear(self, item_id: str, text: str, *, is_final: bool) -> None:
        self._emit(InputTranscriptionCompleted(item_id=item_id, transcript=text, is_final=is_final))
