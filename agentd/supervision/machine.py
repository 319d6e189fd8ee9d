"""The rules of one supervisor, joined: from what happened to what is to be done.

Pure: events come in with their instant, and `actions` says what to do now. The table of OTP's
supervisor.erl that this follows, and where it differs:

- `do_restart`: permanent children are restarted after any end, transient ones after an abnormal
  one, temporary ones never. As in OTP, a child that was stopped along with others is started with
  them again, also one that had finished or was terminated by hand, and temporary ones are dropped.
- `restart`: each attempt is counted, a failed one too; the failed child is then the one that the
  strategy turns upon. What ends while it is to be stopped anyway is not counted.
- OTP does one thing at a time. Here a supervisor hears of everything at once: a sequence of
  restarts is cut short by a stop, or by an exit further left, and siblings under one_for_one
  never wait for each other, once they have been ready for the first time.
- When it gives up, it ends with an error, where OTP's ends with `shutdown`: a transient
  supervisor that fails is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from agentd.errors import Escalated, NotStarted

from .backoff import Backoff
from .child import Child, IfStartFails, Phase
from .exits import SHUTDOWN, Exit, describe
from .intensity import add_restart
from .policy import Decision, RestartPolicy, decide_restart
from .report import Context, Report
from .spec import AutoShutdown, ChildSpec, OnExceeded, SupervisorSpec
from .strategy import affected, next_to_start, next_to_stop


class StartChild(Struct, frozen=True):
    """Start it, then tell `ready` or `start_failed`."""

    child: Child


class StopChild(Struct, frozen=True):
    """Stop it, or its start, then tell `exited` or `start_failed`."""

    child: Child


class End(Struct, frozen=True):
    """All children are down and none will be started: the supervisor has ended."""

    exit: Exit


Action = StartChild | StopChild | Report | End

MakeBackoff = Callable[[ChildSpec], Backoff]


def make_backoff(spec: ChildSpec) -> Backoff:
    """A child's backoff, from its spec."""
    return Backoff(base=spec.backoff.base, cap=spec.backoff.cap)


class Machine:
    """The state of one supervisor and the rules that move it."""

    def __init__(self, spec: SupervisorSpec, backoffs: MakeBackoff = make_backoff) -> None:
        self.spec = spec
        self.children: list[Child] = []
        self.history: tuple[float, ...] = ()
        """Instants of the restarts in the last period, but of children that cool down."""
        self.ending: Exit | None = None
        """How it will have ended, once its children are down."""
        self._make_backoff = backoffs
        self._reports: list[Report] = []
        self._begun = False
        self._ended = False
        for child in spec.children:
            self.append(child, IfStartFails.END, 0.0)

    @property
    def booted(self) -> bool:
        """Whether each child that it started with has been ready once."""
        coming = (Phase.WAITING, Phase.STARTING)
        return not any(
            child.if_start_fails is IfStartFails.END and child.phase in coming
            for child in self.children
        )

    def append(self, spec: ChildSpec, if_start_fails: IfStartFails, now: float) -> Child:
        """Take one more child, to be started."""
        child = Child(spec, self._make_backoff(spec), if_start_fails)
        child.enter(Phase.WAITING, now)
        child.due_at = now
        self.children.append(child)
        return child

    def begin(self, now: float) -> None:
        """From now on there is something to do."""
        self._begun = True
        for child in self.children:
            child.since_at = now

    # -- what is to be done ----------------------------------------------------------

    def actions(self, now: float) -> list[Action]:
        """What to do now; each thing is said once."""
        actions: list[Action] = [*self._reports]
        self._reports = []
        leaving = next_to_stop(self.children)
        if leaving is not None:
            leaving.enter(Phase.STOPPING, now)
            actions.append(StopChild(leaving))
        actions += self._starts(now)
        if self.ending is not None and not self._ended and not self._anyone_up():
            self._ended = True
            actions.append(End(self.ending))
        return actions

    def next_due_at(self, now: float) -> float | None:
        """The instant at which to ask for actions again, if nothing happens until then."""
        due = [child.due_at for child in self.children if child.phase is Phase.WAITING]
        return min((at for at in due if at > now), default=None)

    def _starts(self, now: float) -> list[Action]:
        starts: list[Action] = []
        while self._begun and self.ending is None:
            child = next_to_start(self.spec.strategy, self.children, now)
            if child is None:
                break
            child.enter(Phase.STARTING, now)
            starts.append(StartChild(child))
        return starts

    def _anyone_up(self) -> bool:
        return any(child.is_up for child in self.children)

    # -- what happened ---------------------------------------------------------------

    def ready(self, child: Child, now: float) -> None:
        """A child has been started."""
        if child.phase is Phase.STARTING:
            child.if_start_fails = IfStartFails.RETRY
            child.enter(Phase.RUNNING, now)

    def start_failed(self, child: Child, error: BaseException, now: float) -> None:
        """A child's start failed, or was cut short."""
        if child.doomed_to is not None:
            self._settle(child, now)
            return
        child.last_error = describe(error)
        child.start_error = error
        match child.if_start_fails:
            case IfStartFails.END:
                self._report(Context.START_ERROR, child, error)
                self._place(child, Phase.TERMINATED, now)
                self.end(Exit.failed(_not_booted(self.spec.name, child, error)), now)
            case IfStartFails.REMOVE:
                self._place(child, Phase.REMOVED, now)
            case IfStartFails.LEAVE:
                self._place(child, Phase.TERMINATED, now)
            case IfStartFails.RETRY:
                self._restart(child, error, Context.START_ERROR, now)
            case _:
                assert_never(child.if_start_fails)

    def exited(self, child: Child, exit: Exit, now: float) -> None:
        """A child that had been started has ended."""
        if exit.abnormal:
            child.last_error = exit.text
        if child.doomed_to is not None:
            if exit.abnormal:
                self._report(Context.SHUTDOWN_ERROR, child, exit.error or exit.text)
            self._settle(child, now)
            return
        match decide_restart(child.spec.restart, abnormal=exit.abnormal):
            case Decision.RESTART:
                self._restart(child, exit.error or exit.text, Context.CHILD_TERMINATED, now)
            case Decision.FORGET:
                self._forget(child, exit, now)

    def end(self, exit: Exit, now: float) -> None:
        """Stop all children and end; the first reason to do so is the one that counts."""
        if self.ending is None:
            self.ending = exit
            for child in list(self.children):
                self.doom(child, Phase.TERMINATED, now)

    # -- restarting ------------------------------------------------------------------

    def _restart(
        self, child: Child, error: BaseException | str, context: Context, now: float
    ) -> None:
        child.enter(Phase.WAITING, now)
        child.restarts += 1
        if not self._may_go_on(child, now) and not child.cooling:
            if child.spec.on_exceeded is OnExceeded.ESCALATE:
                self._report(context, child, error)
                self._give_up(child, error, now)
                return
            child.cooling = True
            context = Context.FAILING
        delay = child.backoff.next_delay()
        if child.cooling:
            delay = child.spec.backoff.cap
        self._report(context, child, error, next_start_in=delay)
        for each in affected(self.spec.strategy, self.children, child):
            each.due_at = max(each.due_at, now + delay)
            gone = each.spec.restart is RestartPolicy.TEMPORARY
            self.doom(each, Phase.REMOVED if gone else Phase.WAITING, now)

    def _may_go_on(self, child: Child, now: float) -> bool:
        if child.spec.on_exceeded is OnExceeded.COOL_DOWN:
            child.history, go_on = add_restart(child.history, now, self.spec.intensity)
        else:
            self.history, go_on = add_restart(self.history, now, self.spec.intensity)
        return go_on

    def _give_up(self, child: Child, error: BaseException | str, now: float) -> None:
        allowed = self.spec.intensity
        escalated = Escalated(
            f"child {child.id!r} of {self.spec.name!r} failed too often (restart "
            f"{len(self.history)} within {allowed.period:g} s, where {allowed.restarts} are "
            f"allowed), at last of: {describe(error)}",
            child=child.id,
            last_error=describe(error),
            history=self.history,
        )
        escalated.__cause__ = error if isinstance(error, BaseException) else None
        self._report(Context.SHUTDOWN, child, str(escalated))
        self.end(Exit.failed(escalated), now)

    def _forget(self, child: Child, exit: Exit, now: float) -> None:
        if exit.abnormal:
            self._report(Context.CHILD_TERMINATED, child, exit.error or exit.text)
        gone = child.spec.restart is RestartPolicy.TEMPORARY
        self._place(child, Phase.REMOVED if gone else Phase.FINISHED, now)
        if child.spec.significant and self._is_done():
            self.end(SHUTDOWN, now)

    def _is_done(self) -> bool:
        """Whether a significant child's end is the end of its supervisor."""
        if self.spec.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
            return True
        return not any(
            child.spec.significant and (child.is_up or child.phase is Phase.WAITING)
            for child in self.children
        )

    # -- moving children -------------------------------------------------------------

    def doom(self, child: Child, to: Phase, now: float) -> None:
        """Have a child come to a phase in which it is down, stopping it first if need be."""
        if child.is_up:
            child.doomed_to = to
        else:
            self._place(child, to, now)

    def _settle(self, child: Child, now: float) -> None:
        to, child.doomed_to = child.doomed_to, None
        assert to is not None
        self._place(child, to, now)

    def _place(self, child: Child, phase: Phase, now: float) -> None:
        child.enter(phase, now)
        if phase is Phase.REMOVED:
            self.children.remove(child)
        elif phase is not Phase.WAITING:
            child.if_start_fails = IfStartFails.RETRY  # whoever asked for the start is answered

    def _report(
        self,
        context: Context,
        child: Child,
        error: BaseException | str,
        next_start_in: float | None = None,
    ) -> None:
        self._reports.append(
            Report(
                context=context,
                offender=child.spec,
                reason=describe(error),
                error=error if isinstance(error, BaseException) else None,
                next_start_in=next_start_in,
            )
        )


def _not_booted(name: str, child: Child, error: BaseException) -> NotStarted:
    failed = NotStarted(f"child {child.id!r} of {name!r} could not be started: {describe(error)}")
    failed.__cause__ = error
    return failed
