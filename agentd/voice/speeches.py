"""The speeches that are under way, and what turn-taking is told of them."""

from __future__ import annotations

from collections.abc import Callable

from agentd.aio.timing import now

from .speaking.mouth import Mouth
from .speech import Speech
from .tools.work import Work
from .turns.inputs import (
    ReplyAudible,
    ReplyEnded,
    ReplyProtection,
    ReplyScheduled,
    ReplyThinking,
    TurnInput,
    TurnUnanswered,
)


class Speeches:
    """Knows each speech from its making to its end. A MouthListener and a TurnsDesk."""

    def __init__(self, feed: Callable[[TurnInput], None], *, changed: Callable[[], None]) -> None:
        """`changed` is called when a speech comes, goes, or gets or leaves the floor."""
        self._feed = feed
        self._changed = changed
        self._alive: dict[str, Speech] = {}
        self._work: dict[str, Work] = {}
        self._scheduled: set[str] = set()

    @property
    def alive(self) -> list[Speech]:
        """Those that are not over, the oldest first."""
        return list(self._alive.values())

    @property
    def unheard(self) -> list[Speech]:
        """Those that did not have the floor yet."""
        return [speech for speech in self.alive if speech.id not in self._scheduled]

    def find(self, speech_id: str) -> Speech | None:
        """The speech of this id, if it is not over."""
        return self._alive.get(speech_id)

    def work_of(self, speech: Speech) -> Work | None:
        """What is done for a speech, if it is not over."""
        return self._work.get(speech.id)

    def add(self, speech: Speech, mouth: Mouth, work: Work) -> None:
        """A speech was made."""
        self._alive[speech.id] = speech
        self._work[speech.id] = work
        speech.on_protected = self._protected
        speech.add_done_callback(lambda _: self._over(speech, mouth))
        self._changed()

    async def wait_until_none(self) -> None:
        """Wait until all of them are over, also those that are made meanwhile."""
        while self._alive:
            await next(iter(self._alive.values())).wait()

    async def cut_ones_ended(self, before: Speech | None = None) -> None:
        """Wait until what was interrupted is over, and in the history: it was said before.

        A speech waits for those that were made before it, so that no two wait for each other.
        """
        for speech in self.alive:
            if speech is before:
                return
            if speech.interrupted:
                await speech.wait()  # it is stuck for so long at most, and cancelled then

    # -- what turn-taking is told ----------------------------------------------------------

    def speech_scheduled(self, speech: Speech) -> None:
        """See MouthListener."""
        first_time = speech.id not in self._scheduled
        self._scheduled.add(speech.id)
        self._feed(
            ReplyScheduled(
                at=now(),
                speech_id=speech.id,
                turn_id=speech.turn_id if first_time else None,
                interruptible=speech.allow_interruptions,
            )
        )

    def speech_left(self, speech: Speech) -> None:
        """See MouthListener."""
        self._feed(ReplyEnded(at=now(), speech_id=speech.id, interrupted=speech.interrupted))

    def floor_changed(self) -> None:
        """See MouthListener."""
        self._changed()

    def speech_thinking(self, speech: Speech) -> None:
        """See TurnsDesk."""
        self._feed(ReplyThinking(at=now(), speech_id=speech.id))

    def speech_audible(self, speech: Speech) -> None:
        """The first sound of a segment of it is on its way."""
        self._feed(ReplyAudible(at=now(), speech_id=speech.id))

    def _protected(self, speech: Speech) -> None:
        self._feed(
            ReplyProtection(at=now(), speech_id=speech.id, interruptible=speech.allow_interruptions)
        )

    def _over(self, speech: Speech, mouth: Mouth) -> None:
        self._alive.pop(speech.id, None)
        self._work.pop(speech.id, None)
        mouth.over(speech)
        if speech.turn_id is not None and speech.id not in self._scheduled:
            why = "interrupted before it was heard" if speech.interrupted else "it failed"
            self._feed(TurnUnanswered(at=now(), turn_id=speech.turn_id, reason=why))
        self._scheduled.discard(speech.id)
        self._changed()
