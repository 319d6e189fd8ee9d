"""One thing that the agent says: what users hold of it, and what the session does with it.

`SpeechHandle` is the users' side, `Speech` the session's. A speech is over exactly once, whatever
happens: played to its end, interrupted, failed, or cut off with the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.app.usererror import error_fields
from agentd.errors import SessionError
from agentd.ids import shortuuid
from agentd.llm.items import ChatItem
from agentd.tracing import NOTHING, Span

logger = logging.getLogger("agentd.voice")

STUCK_TIMEOUT = 5.0
"""Seconds after an interruption until what still works on the speech is cancelled."""

SpeechSource: TypeAlias = Literal["say", "generate_reply", "tool_response"]
DoneCallback: TypeAlias = Callable[["SpeechHandle"], object]


class InputDetails(Struct, frozen=True, kw_only=True):
    """What a speech answers."""

    modality: Literal["text", "audio"] = "audio"


class SpeechHandle:
    """Something that the agent says or is about to say. Awaiting it waits for its end.

    That never raises, however the speech ended: `interrupted` and `exception()` tell.
    """

    SPEECH_PRIORITY_LOW: ClassVar[int] = 0
    """After everything else that waits."""
    SPEECH_PRIORITY_NORMAL: ClassVar[int] = 5
    SPEECH_PRIORITY_HIGH: ClassVar[int] = 10
    """Before everything else that waits."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    @property
    def id(self) -> str:
        return self._speech.id

    @property
    def input_details(self) -> InputDetails:
        """What it answers."""
        return self._speech.input_details

    @property
    def num_steps(self) -> int:
        """Times that the model was asked: one more for each round of tool calls."""
        return self._speech.num_steps

    @property
    def chat_items(self) -> list[ChatItem]:
        """What it has put into the history so far."""
        return list(self._speech.chat_items)

    @property
    def interrupted(self) -> bool:
        """Whether it was cut off, or will not be heard at all."""
        return self._speech.interrupted

    @property
    def allow_interruptions(self) -> bool:
        """Whether the user may cut it off."""
        return self._speech.allow_interruptions

    @allow_interruptions.setter
    def allow_interruptions(self, allow: bool) -> None:
        """Raises SessionError where it has been interrupted already."""
        self._speech.protect(not allow)

    def done(self) -> bool:
        """Whether it is over."""
        return self._speech.done

    def exception(self) -> BaseException | None:
        """What it failed of, if it did; raises asyncio.InvalidStateError before it is over."""
        if not self._speech.done:
            raise asyncio.InvalidStateError("the speech is not over")
        return self._speech.error

    def interrupt(self, *, force: bool = False) -> SpeechHandle:
        """Cut it off; returns at once. Raises SessionError where it is protected, unless forced."""
        if not force and not self._speech.allow_interruptions:
            raise SessionError(
                f"the speech {self.id} may not be interrupted: use force=True if it must be"
            )
        self._speech.interrupt()
        return self

    def add_done_callback(self, callback: DoneCallback) -> None:
        """Call `callback(handle)` when it is over; soon, where it is already."""
        self._speech.add_done_callback(callback)

    def remove_done_callback(self, callback: DoneCallback) -> None:
        """Call it no more; does nothing for a stranger."""
        self._speech.remove_done_callback(callback)

    async def wait_for_playout(self) -> None:
        """Wait until it is over, all its steps included.

        Raises SessionError inside a tool that it has called, which would wait for itself: use
        `RunContext.wait_for_playout()` there.
        """
        if owning_speech.get() is self._speech and not self._speech.done:
            raise SessionError(
                "a tool can't wait for the speech that has called it: "
                "use context.wait_for_playout()"
            )
        await self._speech.wait()

    async def wait_if_not_interrupted(self, awaitables: list[asyncio.Future[Any]]) -> None:
        """Wait for all of these, or for the interruption; cancels none of them."""
        if awaitables:
            everything = asyncio.gather(*awaitables, return_exceptions=True)
            await self._speech.unless_interrupted(everything)

    def __await__(self) -> Generator[Any, None, SpeechHandle]:
        async def wait() -> SpeechHandle:
            await self.wait_for_playout()
            return self

        return wait().__await__()

    def __repr__(self) -> str:
        state = "over" if self.done() else "interrupted" if self.interrupted else "under way"
        return f"<SpeechHandle {self.id} {state}>"


class Speech:
    """A speech as the session works on it. Needs a running loop."""

    def __init__(
        self,
        *,
        source: SpeechSource,
        allow_interruptions: bool = True,
        input_details: InputDetails | None = None,
        turn_id: int | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.id = shortuuid("speech_")
        self.source = source
        self.allow_interruptions = allow_interruptions
        self.input_details = input_details or InputDetails()
        self.turn_id = turn_id
        """The turn of the user's that it answers, if it answers one."""
        self.chat_items: list[ChatItem] = []
        self.num_steps = 1
        self.error: BaseException | None = None
        self.span: Span = NOTHING
        """Of the agent's turn that it is."""
        self.on_protected: Callable[[Speech], object] | None = None
        """Called when `allow_interruptions` has changed."""
        self._may_be_heard = asyncio.Event()
        self._may_be_heard.set()
        self.interruption: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._callbacks: list[DoneCallback] = []
        self._task: asyncio.Task[None] | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self.handle = SpeechHandle(self)

    @property
    def interrupted(self) -> bool:
        """Whether it was cut off."""
        return self.interruption.done()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._over.done()

    def protect(self, protected: bool) -> None:
        """Let it be interrupted, or not; raises SessionError where it has been."""
        if self.interrupted:
            raise SessionError(f"the speech {self.id} has been interrupted already")
        if self.allow_interruptions is protected:
            self.allow_interruptions = not protected
            if self.on_protected is not None:
                self.on_protected(self)

    def start(self, owner: TaskOwner, work: Coroutine[Any, Any, None]) -> None:
        """Work on it in a task; it is over when the work is, however that ends."""
        self._task = owner.start(self._guard(work), name=self.id)

    def interrupt(self) -> None:
        """Cut it off, whether or not that is allowed. May be repeated."""
        if self.done or self.interrupted:
            return
        self.interruption.set_result(None)
        loop = asyncio.get_running_loop()
        self._stuck = loop.call_later(STUCK_TIMEOUT, self._force_end)

    def hold(self) -> None:
        """Let nothing more of it be heard yet: the user speaks."""
        self._may_be_heard.clear()

    def release(self) -> None:
        """It may be heard."""
        self._may_be_heard.set()

    async def unheld(self) -> None:
        """Wait until it may be heard. Turn-taking releases, or interrupts, what it holds."""
        await self._may_be_heard.wait()

    def add_item(self, item: ChatItem) -> None:
        """Note what it has put into the history."""
        self.chat_items.append(item)

    def add_done_callback(self, callback: DoneCallback) -> None:
        """See SpeechHandle."""
        if self.done:
            asyncio.get_running_loop().call_soon(self._call, callback)
        else:
            self._callbacks.append(callback)

    def remove_done_callback(self, callback: DoneCallback) -> None:
        """See SpeechHandle."""
        self._callbacks = [known for known in self._callbacks if known != callback]

    async def wait(self) -> None:
        """Wait until it is over. Cancelling the waiter does not touch the speech."""
        await asyncio.wait({self._over})

    async def unless_interrupted(self, future: asyncio.Future[Any]) -> bool:
        """Wait for something or the interruption; says whether it is done."""
        await asyncio.wait({future, self.interruption}, return_when=asyncio.FIRST_COMPLETED)
        return future.done()

    def finish(self, error: BaseException | None = None) -> None:
        """It is over. Only the first call counts."""
        if self.done:
            return
        self.error = error
        self._over.set_result(None)
        if self._stuck is not None:
            self._stuck.cancel()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: DoneCallback) -> None:
        try:
            callback(self.handle)
        except Exception as error:  # noqa: BLE001 - the user's code, and there may be others
            logger.error(
                "a speech's done callback failed",
                extra={
                    "action": "speech_callback_failed",
                    "speech_id": self.id,
                    **error_fields(error),
                },
            )

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        speech_in_work.set(self.id)
        try:
            await work
        except asyncio.CancelledError:
            if not self.interrupted:
                self.interruption.set_result(None)
            self.finish()
            raise
        except Exception as error:  # noqa: BLE001 - a speech that fails must be over too
            self._tell_failed(error)
            self.finish(error)
        finally:
            self.finish()

    def _tell_failed(self, error: BaseException) -> None:
        logger.error(
            "a speech failed",
            extra={"action": "speech_failed", "speech_id": self.id, **error_fields(error)},
        )

    def _force_end(self) -> None:
        logger.error(
            "an interrupted speech did not end: what works on it is cancelled",
            extra={"action": "speech_stuck", "speech_id": self.id, "after": STUCK_TIMEOUT},
        )
        if self._task is not None:
            self._task.cancel()
        self.finish()


owning_speech: ContextVar[Speech | None] = ContextVar("agentd_owning_speech", default=None)
"""The speech that has called the tool that runs here."""

speech_in_work: ContextVar[str] = ContextVar("agentd_speech_in_work", default="")
"""The id of the speech that code works on here, for what models measure."""


def speech_of(handle: SpeechHandle) -> Speech:
    """The session's side of a handle."""
    return handle._speech  # noqa: SLF001 - two sides of one thing, in one file
