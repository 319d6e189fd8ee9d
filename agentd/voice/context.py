"""RunContext: what a tool is given of the conversation that it is called in."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol

from agentd.llm.items import FunctionCall
from agentd.llm.tools import CallContext

from .face import BaseSession, UserdataT
from .options import Filler
from .speech import Speech, SpeechHandle


class ToolDesk(Protocol):
    """Who runs the tools, as far as a running tool may ask for something."""

    async def update(self, call: FunctionCall, message: str, *, silent: bool) -> None: ...

    def filling(
        self,
        call: FunctionCall,
        source: Filler,
        *,
        delay: float,
        interval: float | None,
        max_steps: int | None,
    ) -> AbstractAsyncContextManager[None]: ...

    def foreground(self, call: FunctionCall) -> AbstractAsyncContextManager[None]: ...

    async def wait_for_playout(self, speech: Speech) -> None: ...


class RunContext(CallContext, Generic[UserdataT]):
    """One call of a tool. Has no part in the tool's schema: the session fills it."""

    def __init__(
        self,
        *,
        session: BaseSession[UserdataT],
        speech: Speech,
        function_call: FunctionCall,
        desk: ToolDesk,
    ) -> None:
        self._session = session
        self._speech = speech
        self._function_call = function_call
        self._desk = desk

    @property
    def session(self) -> BaseSession[UserdataT]:
        """The conversation."""
        return self._session

    @property
    def userdata(self) -> UserdataT:
        """The session's userdata."""
        return self._session.userdata

    @property
    def speech_handle(self) -> SpeechHandle:
        """The reply that the call is part of."""
        return self._speech.handle

    @property
    def function_call(self) -> FunctionCall:
        """The call, as the model wrote it."""
        return self._function_call

    def disallow_interruptions(self) -> None:
        """Do not let the user cut off this reply any more, as for work that can't be undone.

        Raises SessionError where that has happened already.
        """
        self._speech.protect(True)

    async def wait_for_playout(self) -> None:
        """Wait until what this reply has said before the call was heard."""
        await self._desk.wait_for_playout(self._speech)

    async def update(self, message: str, *, silent: bool = False) -> None:
        """Say how far the work is; it goes on.

        The first update answers the call: the model goes on with it, and the user is not kept
        waiting. Later ones, and the result, are gathered into a reply of their own, which is said
        when nobody speaks. With `silent` the model knows, and says nothing.
        """
        await self._desk.update(self._function_call, message, silent=silent)

    def with_filler(
        self,
        source: Filler,
        *,
        delay: float = 0.0,
        interval: float | None = None,
        max_steps: int | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """Within `async with`: say something while the work lasts, whenever nobody speaks.

        Args:
            source: What to say, or a function that gives it; None from it says nothing.
            delay: Seconds of silence before the first time.
            interval: Seconds of silence before each further time; None for no further time.
            max_steps: How often at most.
        """
        return self._desk.filling(
            self._function_call, source, delay=delay, interval=interval, max_steps=max_steps
        )

    def foreground(self) -> AbstractAsyncContextManager[None]:
        """Within `async with`: have the floor, once it is free. For work that talks to the user."""
        return self._desk.foreground(self._function_call)
