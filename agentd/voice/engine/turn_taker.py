"""What an agent does about a turn that the user has taken."""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import Protocol

from agentd.aio.timing import now, wall_time
from agentd.app.usererror import error_fields
from agentd.errors import SessionError, StopResponse
from agentd.llm.chat import ChatContext
from agentd.llm.items import ChatMessage
from agentd.metrics import EOUMetrics
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.events import UserTurnExceededEvent
from agentd.voice.models import Setting
from agentd.voice.replies.message import user_message
from agentd.voice.replies.preemption import Preemption
from agentd.voice.replies.reply_pass import ReplyPass
from agentd.voice.scope import leave_scope
from agentd.voice.speech import SpeechHandle
from agentd.voice.turns.actions import CommitTurn, TurnTiming, UserTurnExceeded
from agentd.voice.turns.inputs import TurnInput, TurnUnanswered

logger = logging.getLogger("agentd.voice")

HOOK_TIMEOUT = 30.0
"""Seconds that `on_user_turn_completed` has, until the turn is answered without it."""


class _Turn:
    """A turn that is being taken: the first speech that is made meanwhile answers it."""

    def __init__(self, turn_id: int) -> None:
        self._id: int | None = turn_id

    @property
    def is_answered(self) -> bool:
        return self._id is None

    def answer(self) -> int | None:
        turn_id, self._id = self._id, None
        return turn_id


_current: ContextVar[_Turn | None] = ContextVar("agentd_turn", default=None)


def turn_to_answer() -> int | None:
    """The turn that a speech made here answers, if there is one that none answers yet."""
    turn = _current.get()
    return None if turn is None else turn.answer()


class Replier(Protocol):
    """Who makes the agent speak."""

    def reply_to_turn(
        self,
        turn: CommitTurn,
        chat_ctx: ChatContext,
        prepared: ReplyPass | None,
    ) -> SpeechHandle: ...

    async def cut_ones_ended(self) -> None:
        """What the turn has cut off is in the history: it was said before the turn."""

    def feed(self, event: TurnInput) -> None: ...

    def measured(self, metrics: EOUMetrics) -> None: ...


class TurnTaker:
    """Takes turns for one agent, one after the other."""

    def __init__(
        self, bench: Bench, agent: Agent, setting: Setting, preemption: Preemption, replier: Replier
    ) -> None:
        self._bench = bench
        self._agent = agent
        self._setting = setting
        self._preemption = preemption
        self._replier = replier
        self._in_order = asyncio.Lock()

    async def take(self, turn: CommitTurn) -> None:
        """Take a turn into the history, and answer it unless it is not to be."""
        leave_scope()
        async with self._in_order:
            await self._replier.cut_ones_ended()
            message = user_message(
                turn.text,
                confidence=turn.confidence,
                timing=turn.timing,
                models=self._setting.models,
            )
            chat_ctx, understood = self._agent.chat_ctx.copy(), list(message.content)
            reason = "" if turn.skip_reply else await self._ask_hook(chat_ctx, message, turn)
            if turn.text:
                self._bench.log.add(message, self._agent)
            if not turn.skip_reply:
                changed = message.content != understood
                self._answer(turn, chat_ctx, message, reason, changed=changed)

    async def exceed(self, turn: UserTurnExceeded) -> None:
        """The user has spoken too long: ask the agent what it says to that."""
        leave_scope()
        async with self._in_order:
            await self._replier.cut_ones_ended()
            message = user_message(turn.text, timing=turn.timing, models=self._setting.models)
            self._bench.log.add(message, self._agent)
            pending = _Turn(turn.turn_id)
            token = _current.set(pending)
            try:
                await self._agent.on_user_turn_exceeded(
                    UserTurnExceededEvent(
                        transcript=turn.text,
                        accumulated_transcript=turn.accumulated_text,
                        accumulated_word_count=turn.accumulated_word_count,
                        duration=turn.duration,
                    )
                )
            except Exception as error:  # noqa: BLE001 - the user's hook
                self._tell_failed("on_user_turn_exceeded", error)
            finally:
                _current.reset(token)
            if not pending.is_answered:
                self._unanswered(turn.turn_id, "the hook on_user_turn_exceeded said nothing")

    async def _ask_hook(self, chat_ctx: ChatContext, message: ChatMessage, turn: CommitTurn) -> str:
        """Why the turn is not to be answered; empty where it is."""
        began_at = now()
        try:
            async with asyncio.timeout(HOOK_TIMEOUT):
                await self._agent.on_user_turn_completed(chat_ctx, message)
        except StopResponse:
            return "StopResponse"
        except TimeoutError as error:
            self._tell_failed("on_user_turn_completed", error)
        except Exception as error:  # noqa: BLE001 - the user's hook
            self._tell_failed("on_user_turn_completed", error)
            return "the hook on_user_turn_completed failed"
        finally:
            message.metrics["on_user_turn_completed_delay"] = now() - began_at
            self._measure(turn.timing, now() - began_at)
        return ""

    def _answer(
        self,
        turn: CommitTurn,
        chat_ctx: ChatContext,
        message: ChatMessage,
        reason: str,
        *,
        changed: bool,
    ) -> None:
        prepared = None
        if not reason and not changed:
            prepared = self._preemption.take(turn.preemptive, chat_ctx)
        elif turn.preemptive is not None:
            # The hook wants no answer, or one to another message than the model was told ahead.
            self._preemption.drop(turn.preemptive)
        if reason:
            self._unanswered(turn.turn_id, reason)
            return
        if turn.text:
            chat_ctx.items.append(message)
        try:
            self._replier.reply_to_turn(turn, chat_ctx, prepared)
        except SessionError as error:
            self._unanswered(turn.turn_id, str(error))

    def _unanswered(self, turn_id: int, reason: str) -> None:
        self._replier.feed(TurnUnanswered(at=now(), turn_id=turn_id, reason=reason))

    def _measure(self, timing: TurnTiming, hook_delay: float) -> None:
        stt = self._setting.models.stt
        self._replier.measured(
            EOUMetrics(
                label=stt.label if stt is not None else "",
                timestamp=wall_time(),
                end_of_utterance_delay=timing.end_of_utterance_delay,
                transcription_delay=timing.transcription_delay,
                on_user_turn_completed_delay=hook_delay,
            )
        )

    def _tell_failed(self, hook: str, error: BaseException) -> None:
        logger.error(
            "a hook of the agent failed",
            extra={
                "action": "hook_failed",
                "hook": hook,
                "agent": self._agent.id,
                **error_fields(error),
            },
        )
