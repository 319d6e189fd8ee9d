"""Who has the word: hands a conversation from agent to agent, one change at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentd.aio.bell import Bell
from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.errors import SessionError
from agentd.tracing import span
from agentd.voice.agent import Agent
from agentd.voice.agent_base import AgentBase
from agentd.voice.restoring import Restored
from agentd.voice.scope import Scope
from agentd.voice.tasks import AgentTask
from agentd.voice.turns.inputs import HandoffStarted

from .activity import Activity
from .core import Core

logger = logging.getLogger("agentd.voice")


class Loan:
    """An agent that has the word for a while, and the one that waits to have it back."""

    def __init__(self, owner: Activity, borrower: Activity) -> None:
        self.owner = owner
        self.borrower = borrower


class Switchboard:
    """The agents of a session."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._current: Activity | None = None
        self._changing = asyncio.Lock()
        self._asked: set[asyncio.Task[None]] = set()
        """The handoffs that were asked for and are not over."""
        self._lending: dict[Activity, asyncio.Lock] = {}
        self._loans: list[Loan] = []
        self._bell = Bell()
        self._closing = False

    @property
    def current(self) -> Activity | None:
        """Who has the word."""
        return self._current

    @property
    def activities(self) -> list[Activity]:
        """Who has the word, and those that wait to have it back."""
        owners = [loan.owner for loan in self._loans]
        return owners if self._current is None else [*owners, self._current]

    @property
    def is_changing(self) -> bool:
        """Whether a handoff is under way or asked for."""
        return self._changing.locked() or bool(self._asked)

    async def start(self, agent: Agent, *, resume: Restored | None = None) -> None:
        """The first agent; raises what its toolsets raise."""
        async with self._changing:
            if resume is None:
                self._core.bench.log.hand_over(None, agent)
            await self._enter(Activity(self._core, agent, self.lend), resume)

    def hand_over(self, agent: AgentBase) -> None:
        """Let another agent take over when what is being said is over. Returns at once."""
        if not isinstance(agent, Agent):
            raise SessionError(f"{agent!r} is no Agent")
        if self._closing:
            raise SessionError("the session is closing: no agent takes over any more")
        self._core.feed(HandoffStarted(at=now()))
        changing = self._core.owner.start(self._change(agent), name=f"handoff to {agent.id}")
        self._asked.add(changing)
        changing.add_done_callback(self._is_over)
        if self._core.bench.log.run is not None:
            self._core.bench.log.run.watch(changing)

    @asynccontextmanager
    async def lend(self, agent: AgentBase, scope: Scope) -> AsyncIterator[None]:
        """Let an agent have the word until the block ends, then give it back (AgentTask).

        Others that want it from the same agent wait. Raises SessionError when closing.
        """
        if not isinstance(agent, Agent):
            raise SessionError(f"{agent!r} is no Agent")
        owner = self._owner_of(scope)
        async with self._lending.setdefault(owner, asyncio.Lock()):
            if self._closing:
                raise SessionError("the session is closing: no task is begun any more")
            loan = Loan(owner, Activity(self._core, agent, self.lend))
            self._loans.append(loan)
            try:
                await self._give(loan, scope)
                try:
                    yield
                finally:
                    await self._take_back(loan, scope)
            finally:
                self._loans.remove(loan)
                self._bell.ring()

    def recall(self) -> None:
        """End what agents do on loan: their tasks fail."""
        for loan in list(self._loans):
            if isinstance(loan.borrower.agent, AgentTask):
                loan.borrower.agent.cancel()

    async def drain(self) -> None:
        """Let the current agent come to its end; nothing new is begun."""
        self._closing = True
        await self._end_loans()
        async with self._changing:
            if self._current is not None:
                await self._current.drain()

    async def aclose(self) -> None:
        """Stop all agents at once. May be repeated."""
        self._closing = True
        self.recall()
        for loan in reversed(self._loans):
            await loan.borrower.aclose()
        if self._current is not None:
            await self._current.aclose()

    # -- inside ------------------------------------------------------------------------------

    def _is_over(self, change: asyncio.Task[None]) -> None:
        self._asked.discard(change)
        self._core.changed()

    async def _change(self, agent: Agent) -> None:
        async with self._changing:
            await self._end_loans()
            old = self._current
            if old is None or old.agent is agent or self._closing:
                return
            about = {"lk.agent_label": agent.label, "agentd.old_agent_label": old.agent.label}
            with span("update_agent", about):
                await self._replace(old, agent)

    async def _replace(self, old: Activity, agent: Agent) -> None:
        await old.drain()
        await old.aclose()
        try:
            await self._begin(agent, old.agent)
        except Exception as error:  # noqa: BLE001 - an agent or toolset of the user's
            self._tell_failed(agent, error)
            await self._begin(old.agent, agent)

    async def _begin(self, agent: Agent, old: Agent) -> None:
        activity = Activity(self._core, agent, self.lend)
        self._core.bench.log.hand_over(old, agent)
        await self._enter(activity)

    async def _enter(self, activity: Activity, resume: Restored | None = None) -> None:
        self._current = activity
        try:
            await activity.start(resume=resume)
        except BaseException:
            self._current = None
            raise

    async def _end_loans(self) -> None:
        """Recall what is on loan, and see it given back: nobody leaves twice."""
        self.recall()
        await self._bell.until(lambda: not self._loans)

    def _owner_of(self, scope: Scope) -> Activity:
        for activity in self.activities:
            if activity.agent is scope.agent:
                return activity
        raise SessionError(f"the agent '{scope.agent.id}' does not have the word any more")

    async def _give(self, loan: Loan, scope: Scope) -> None:
        core = self._core
        core.feed(HandoffStarted(at=now()))
        if scope.call is not None:
            scope.call.suspend()
        if scope.speech is not None:
            core.watchdog.suspend(scope.speech)
            core.bench.mouth.set_aside(scope.speech)
        await loan.owner.pause()
        self._current = loan.borrower
        try:
            core.bench.log.hand_over(loan.owner.agent, loan.borrower.agent)
            await loan.borrower.start()
        except BaseException:
            await self._give_back(loan, scope)
            raise

    async def _take_back(self, loan: Loan, scope: Scope) -> None:
        self._core.feed(HandoffStarted(at=now()))
        await loan.borrower.drain()
        await loan.borrower.aclose()
        await self._give_back(loan, scope)

    async def _give_back(self, loan: Loan, scope: Scope) -> None:
        self._current = loan.owner
        if scope.call is not None:
            scope.call.resume()
        if self._closing:
            return
        self._core.bench.log.hand_over(loan.borrower.agent, loan.owner.agent)
        await loan.owner.resume()

    def _tell_failed(self, agent: Agent, error: BaseException) -> None:
        logger.error(
            "an agent could not take over: the one before goes on",
            extra={"action": "handoff_failed", "agent": agent.id, **error_fields(error)},
        )
