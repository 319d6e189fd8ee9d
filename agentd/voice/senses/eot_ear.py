"""Asks the end-of-turn model whether the user has finished."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame, join_frames
from agentd.eot.base import EndOfTurnModel
from agentd.eot.events import EndOfTurnRequest, TurnText
from agentd.llm.chat import ChatContext
from agentd.voice.turns.actions import AskEndOfTurn
from agentd.voice.turns.end_of_turn import TIMEOUTS
from agentd.voice.turns.inputs import EndOfTurnFailed, EndOfTurnPredicted, TurnInput

logger = logging.getLogger("agentd.voice")

HISTORY_TURNS = 6
"""Messages before the turn that a model for text is told; livekit-agents' figure."""

HANG_PAUSE = 30.0
"""Seconds in which a model that gave no answer in time is not asked: each question would cost the
user as long again."""


class EotEar:
    """One end-of-turn model, and the sound of the turn so far."""

    def __init__(
        self,
        model: EndOfTurnModel,
        *,
        owner: TaskOwner,
        history: Callable[[], ChatContext],
        feed: Callable[[TurnInput], None],
    ) -> None:
        self._model = model
        self._owner = owner
        self._history = history
        self._feed = feed
        self._conform = Conformer(model.sample_rate)
        self._kept: deque[AudioFrame] = deque()
        self._seconds = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._rests_until = 0.0
        self.language = ""
        """Of what was last understood."""

    def hear(self, frame: AudioFrame) -> None:
        """Keep the sound of the turn, as far back as the model looks."""
        if self._model.needs != "audio":
            return
        for part in self._conform.push(frame):
            self._kept.append(part)
            self._seconds += part.duration
        while self._kept and self._seconds - self._kept[0].duration > self._model.audio_seconds:
            self._seconds -= self._kept.popleft().duration

    def forget(self) -> None:
        """A turn is over: what comes is the next one's."""
        self._kept.clear()
        self._seconds = 0.0

    def ask(self, question: AskEndOfTurn) -> None:
        """Ask; the answer is fed to turn-taking. A question before is void."""
        if self._asking is not None:
            self._asking.cancel()
        if now() < self._rests_until:
            self._feed(EndOfTurnFailed(at=now(), request_id=question.request_id))
            return
        self._asking = self._owner.start(self._ask(question), name="end of turn")

    async def _ask(self, question: AskEndOfTurn) -> None:
        request = EndOfTurnRequest(
            audio=join_frames(list(self._kept)) if self._kept else None,
            text=question.text,
            history=_turns(self._history()) if self._model.needs == "text" else (),
            language=self.language,
        )
        try:
            async with asyncio.timeout(TIMEOUTS[self._model.needs]):
                prediction = await self._model.predict(request)
        except Exception as error:  # noqa: BLE001 - a model of others, which may raise anything
            if isinstance(error, TimeoutError):
                self._rests_until = now() + HANG_PAUSE
            self._tell_failed(error)
            self._feed(EndOfTurnFailed(at=now(), request_id=question.request_id))
            return
        self._feed(
            EndOfTurnPredicted(
                at=now(),
                request_id=question.request_id,
                probability=prediction.probability,
                threshold=prediction.threshold,
            )
        )

    def _tell_failed(self, error: Exception) -> None:
        logger.warning(
            "the end-of-turn model did not answer: the turn is decided without it",
            extra={
                "action": "eot_failed",
                "model": self._model.label,
                "error": f"{type(error).__name__}: {error}",
            },
        )


def _turns(history: ChatContext) -> tuple[TurnText, ...]:
    said = [
        TurnText(role="user" if message.role == "user" else "assistant", text=text)
        for message in history.messages()
        if message.role in ("user", "assistant") and (text := message.text_content)
    ]
    return tuple(said[-HISTORY_TURNS:])
