"""Dead air: the agent owes the user speech, and none has been heard for too long.

For each speech it is known since when nothing was heard of it. Where that gets too long, what each
stage is doing is written down, and something is done: while a tool works the user is told to wait;
a model or a voice that does not answer is asked again; where that does not help the user is told
so; where not even that is heard the audio is given up, and the user is told in writing. Each time
is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

from agentd.aio.timing import now, wait_event
from agentd.figures import count
from agentd.figures.families import APOLOGIES
from agentd.voice.events import DeadAirEvent
from agentd.voice.options import DeadAirOptions
from agentd.voice.speech import Speech
from agentd.voice.tools.work import Work

logger = logging.getLogger("agentd.voice")

Recovery: TypeAlias = Literal["retry", "filler", "apology", "text", "outage", "none"]


class Owed:
    """A speech that is being worked on, and since when it owes sound."""

    def __init__(self, speech: Speech, work: Work, at: float) -> None:
        self.speech = speech
        self.work = work
        self.quiet_since = at
        self.retries = 0
        self.fillers = 0
        self.hopeless = False
        """Whether everything has been tried."""


class Watchdog:
    """Watches the speeches of a session. `run` is its work."""

    def __init__(
        self,
        options: DeadAirOptions,
        *,
        heard_until: Callable[[], float | None],
        is_patient: Callable[[], bool],
        emit: Callable[[DeadAirEvent], None],
        say: Callable[[str], None],
        give_up_audio: Callable[[], bool],
        hangs: Callable[[Work, float], bool],
    ) -> None:
        """`heard_until`: when the agent was last heard, if ever. `is_patient`: whether there is a
        reason to be silent, as while the user speaks. `say` speaks a text as soon as it can.
        `give_up_audio` has the session only write from now on; whether it had spoken. `hangs` is
        told what has been silent, and for how many seconds; whether its service is out, and the
        reply has failed for it."""
        self._options = options
        self._heard_until = heard_until
        self._is_patient = is_patient
        self._emit = emit
        self._say = say
        self._give_up_audio = give_up_audio
        self._hangs = hangs
        self._apologised = False
        """Whether the user was told that something is wrong, and nothing was heard since."""
        self._owed: dict[str, Owed] = {}
        self._changed = asyncio.Event()
        self.count = 0
        """Times that there was dead air."""

    def watch(self, speech: Speech, work: Work) -> None:
        """A speech is owed, from now until it is over."""
        self._owed[speech.id] = Owed(speech, work, now())
        speech.add_done_callback(lambda handle: self._forget(handle.id))
        self._changed.set()

    def suspend(self, speech: Speech) -> None:
        """It is not owed while its tool talks to the user itself."""
        self._forget(speech.id)

    def heard(self) -> None:
        """Something was heard, or the user has spoken: the time begins anew."""
        for owed in self._owed.values():
            owed.quiet_since = now()

    def audible(self) -> None:
        """Something of the agent was heard."""
        self._apologised = False
        self.heard()

    def apologise(self) -> None:
        """A reply has failed before anything of it was heard: tell the user."""
        if self._options.apology:
            count(APOLOGIES, cause="reply")
            self._say(self._options.apology)

    async def run(self) -> None:
        """Watch, until cancelled. For options with a timeout."""
        timeout = self._options.timeout
        assert timeout is not None
        while True:
            self._changed.clear()
            waiting = [owed for owed in self._owed.values() if not owed.hopeless]
            if not waiting:
                await self._changed.wait()
                continue
            due_at = min(owed.quiet_since for owed in waiting) + timeout
            if not await wait_event(self._changed, max(0.0, due_at - now())):
                self._look(timeout)

    def _look(self, timeout: float) -> None:
        if self._is_patient():
            self.heard()
            return
        heard_until = self._heard_until() or 0.0
        for owed in list(self._owed.values()):
            owed.quiet_since = max(owed.quiet_since, heard_until)
            silent_for = now() - owed.quiet_since
            if silent_for + 1e-6 >= timeout and not owed.hopeless:
                self._recover(owed, silent_for)
                return

    def _recover(self, owed: Owed, silent_for: float) -> None:
        stages = owed.work.stages()
        recovery = "outage" if self._hangs(owed.work, silent_for) else self._choose(owed)
        self.count += 1
        logger.warning(
            "dead air: the agent owes speech and none is heard",
            extra={
                "action": "dead_air",
                "speech_id": owed.speech.id,
                "silent_for": round(silent_for, 3),
                "recovery": recovery,
                "count": self.count,
                "stages": stages,
            },
        )
        self.heard()
        self._emit(
            DeadAirEvent(
                speech_id=owed.speech.id,
                silent_for=silent_for,
                stages=stages,
                recovery=recovery,
                count=self.count,
            )
        )
        self._do(owed, recovery)

    def _choose(self, owed: Owed) -> Recovery:
        options = self._options
        if owed.work.tools_at_work:
            return "filler" if options.filler and not owed.fillers else "none"
        if owed.retries < options.retries and owed.work.can_retry():
            return "retry"
        if self._apologised:
            return "text" if self._give_up_audio() else "none"
        return "apology" if options.apology else "none"

    def _do(self, owed: Owed, recovery: Recovery) -> None:
        match recovery:
            case "retry":
                owed.retries += 1
                owed.work.retry()
            case "filler":
                owed.fillers += 1
                self._say(self._options.filler or "")
            case "apology" | "text":
                self._apologised = True
                owed.hopeless = True
                owed.speech.interrupt()
                count(APOLOGIES, cause="dead_air")
                self._say(self._options.apology or "")
            case "outage":
                owed.hopeless = True  # the reply is over, and the user is told by the outage
            case "none":
                # A tool may take as long as its deadline allows; its user has been told.
                owed.hopeless = not owed.work.tools_at_work

    def _forget(self, speech_id: str) -> None:
        self._owed.pop(speech_id, None)
        self._changed.set()
