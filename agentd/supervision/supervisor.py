"""Does what the machine says: starts and stops children, tells the machine what became of them.

Each event is handled at once, in the task that brings it; between two lives of a child the loop
always gets its turn, so that a stop is heard, as OTP's `try_again_restart` has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import assert_never

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import NotStarted

from . import by_hand
from .budget import kill_budget, stop_budget
from .child import Child, Phase
from .exits import SHUTDOWN, Exit
from .life import Exited, Life, LifeEvent, Ready, StartFailed
from .machine import Action, End, Machine, MakeBackoff, StartChild, StopChild, make_backoff
from .report import Report, write_report
from .spec import ChildSpec, SupervisorSpec
from .view import TreeView, view_machine


class Supervisor:
    """Keeps its children running by their specs; itself a `Running`.

    `start`, then `wait` for its end; or `async with`. Used once.
    """

    def __init__(
        self,
        spec: SupervisorSpec,
        *,
        backoffs: MakeBackoff = make_backoff,
        write: Callable[[str, Report], None] = write_report,
    ) -> None:
        """`write` puts reports into the log."""
        self._machine = Machine(spec, backoffs)
        self._write = write
        self._lives: dict[Child, Life] = {}
        self._owner = TaskOwner(spec.name)
        self._timer: asyncio.TimerHandle | None = None
        self._exit: Exit | None = None
        self._ended = asyncio.Event()
        self._settled = asyncio.Event()  # all children have been ready once, or it ended
        self._turn = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._reason = ""

    # -- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the children in order; returns when the last is ready.

        Raises NotStarted, or Escalated, when that fails; then all children are down again.
        Cancelling it stops what was started, and a second time kills it.
        """
        self._machine.begin(now())
        self._act()
        try:
            await self._settled.wait()
        except asyncio.CancelledError:
            self.ask_stop("its start was cancelled")
            await self._see_end()
            raise
        if self._exit is not None:
            error = self._exit.error
            raise (
                error
                if isinstance(error, BaseException)
                else NotStarted(f"{self._machine.spec.name!r} was stopped while starting")
            )

    async def wait(self) -> Exit:
        """Wait for its end: asked for, of its own (`auto_shutdown`), or because it gave up."""
        await self._ended.wait()
        assert self._exit is not None
        return self._exit

    def ask_stop(self, reason: str) -> None:
        """Have the children stopped in reverse order, each within its deadline."""
        self._reason = self._reason or reason
        self._machine.end(SHUTDOWN, now())
        self._act()

    def kill(self) -> None:
        """Have all children ended by force at once."""
        self.ask_stop("killed")
        for life in list(self._lives.values()):
            life.kill()

    async def aclose(self) -> None:
        """Stop, and wait for the end; being cancelled meanwhile kills the children."""
        self.ask_stop("its owner is done")
        await self._see_end()

    async def __aenter__(self) -> Supervisor:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _see_end(self) -> None:
        cancelled = False
        while not self._ended.is_set():
            try:
                await self._ended.wait()
            except asyncio.CancelledError:
                cancelled = True
                self.kill()
        if cancelled:
            raise asyncio.CancelledError

    # -- by hand ---------------------------------------------------------------------

    async def add(self, spec: ChildSpec) -> None:
        """Start one more child; returns when it is ready.

        Raises SupervisionError when it can't be taken, NotStarted when its start fails.
        """
        await self._see_started(by_hand.add(self._machine, spec, now()))

    async def restart(self, child_id: str) -> None:
        """Start a child that finished or was terminated; errors as of `add`."""
        await self._see_started(by_hand.restart(self._machine, child_id, now()))

    async def terminate(self, child_id: str) -> None:
        """Stop a child, or give up its restart; returns when it is down."""
        child = by_hand.terminate(self._machine, child_id, now())
        self._act()
        await self._until(lambda: child.doomed_to is None)

    def delete(self, child_id: str) -> None:
        """Forget a child that finished or was terminated."""
        by_hand.delete(self._machine, child_id)
        self._act()

    def hurry(self, child_id: str) -> None:
        """Start a child now that waits for its backoff to end."""
        by_hand.hurry(self._machine, child_id, now())
        self._act()

    async def _see_started(self, child: Child) -> None:
        self._act()
        coming = (Phase.WAITING, Phase.STARTING, Phase.STOPPING)
        await self._until(lambda: child.phase not in coming or child.start_error is not None)
        if child.phase is not Phase.RUNNING:
            why = child.start_error or "it was stopped meanwhile"
            raise NotStarted(f"child {child.id!r} could not be started: {why}") from (
                child.start_error
            )

    # -- for others to see -----------------------------------------------------------

    def view(self) -> TreeView:
        """It and what is below it at this moment."""
        return view_machine(self._machine, now())

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Be called after each change, without arguments; `view` says what is so now."""
        self._listeners.append(listener)

    def stop_budget(self) -> float:
        """Seconds that stopping it may take."""
        return stop_budget(child.spec for child in self._machine.children)

    def kill_budget(self) -> float:
        """Seconds that it may take to end by force."""
        return kill_budget(child.spec for child in self._machine.children)

    # -- effects ---------------------------------------------------------------------

    def _act(self, due_at: float = 0.0) -> None:
        # A timer may fire a clock's tick early: what it was set for is due all the same.
        instant = max(now(), due_at)
        for action in self._machine.actions(instant):
            self._do(action)
        self._set_timer(instant)
        self._tell_turn()

    def _do(self, action: Action) -> None:
        match action:
            case StartChild(child):
                life = self._lives[child] = Life(
                    child.spec, self._owner, partial(self._handle, child)
                )
                living = self._owner.start(life.run(), name=child.id)
                living.add_done_callback(partial(self._note_cancelled, child))
            case StopChild(child):
                self._lives[child].stop(self._reason or "its supervisor stops it")
            case Report():
                self._write(self._machine.spec.name, action)
            case End(exit):
                self._exit = exit
                self._ended.set()
            case _:
                assert_never(action)

    def _handle(self, child: Child, event: LifeEvent) -> None:
        match event:
            case Ready():
                self._machine.ready(child, now())
            case StartFailed(error):
                del self._lives[child]
                self._machine.start_failed(child, error, now())
            case Exited(exit):
                del self._lives[child]
                self._machine.exited(child, exit, now())
            case _:
                assert_never(event)
        self._act()

    def _note_cancelled(self, child: Child, living: asyncio.Task[None]) -> None:
        # Nobody cancels a life but who cancels everything, as the end of a loop does. What it was
        # to tell is told in its place, or whoever waits for the end would wait for ever.
        if living.cancelled() and child in self._lives:
            self.ask_stop("its tasks were cancelled")
            self._handle(child, Exited(SHUTDOWN))

    def _set_timer(self, instant: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_at = self._machine.next_due_at(instant)
        self._timer = None
        if due_at is not None:
            self._timer = asyncio.get_running_loop().call_at(due_at, self._act, due_at)

    def _tell_turn(self) -> None:
        if self._ended.is_set() or (self._machine.booted and self._machine.ending is None):
            self._settled.set()
        self._turn.set()
        self._turn = asyncio.Event()
        for listener in self._listeners:
            listener()

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self._turn.wait()
