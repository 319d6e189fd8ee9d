"""Runs a schedule on a real supervisor, on virtual time, and notes what its children see."""

from __future__ import annotations

import asyncio
import random
from math import isfinite

from agentd.aio.tasks import cancel_and_wait
from agentd.aio.timing import now
from agentd.errors import Escalated, NotStarted
from agentd.supervision.backoff import Backoff
from agentd.supervision.exits import NORMAL, SHUTDOWN, Exit
from agentd.supervision.intensity import Intensity
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import (
    AutoShutdown,
    BackoffSettings,
    ChildSpec,
    OnExceeded,
    Shutdown,
    Strategy,
    SupervisorSpec,
)
from agentd.supervision.supervisor import Supervisor
from tests.unit.supervision.schedule import Moment, Outcome, Plan, Schedule, Script

START_TIMEOUT = 1000.0
"""Seconds: schedules have no start that takes too long; the tests of lives have."""


class ScriptedChild:
    """A child that does in each life what its script says, and notes what befalls it."""

    def __init__(self, script: Script, moments: list[Moment]) -> None:
        self.script = script
        self.moments = moments
        self.lives = 0

    async def start(self) -> ScriptedLife:
        """One more life."""
        plan = self.script.plan(self.lives)
        self.lives += 1
        self.note("start")
        try:
            await asyncio.sleep(plan.start)
        except asyncio.CancelledError:
            self.note("cut")
            raise
        if not plan.starts:
            self.note("failed")
            raise OSError(f"{self.script.id} can't start")
        self.note("ready")
        return ScriptedLife(self, plan)

    def note(self, what: str) -> None:
        """Something happened now."""
        self.moments.append((now(), what, self.script.id))


class ScriptedLife:
    """One life after its start; a `Running`."""

    def __init__(self, child: ScriptedChild, plan: Plan) -> None:
        self._child = child
        self._plan = plan
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        exit = NORMAL if plan.exit == "normal" else Exit.failed(OSError("crashed"))
        self._end_in(plan.lasts, exit)

    async def wait(self) -> Exit:
        """Wait for its end."""
        return await asyncio.shield(self._ended)

    def ask_stop(self, reason: str) -> None:
        """Heed it, in its own time."""
        self._child.note("asked")
        self._end_in(self._plan.heeds, SHUTDOWN)

    def kill(self) -> None:
        """End now."""
        self._child.note("killed")
        self._end(Exit.failed("killed by signal 9"))

    def _end_in(self, seconds: float, exit: Exit) -> None:
        if isfinite(seconds):
            asyncio.get_running_loop().call_later(seconds, self._end, exit)

    def _end(self, exit: Exit) -> None:
        if not self._ended.done():
            self._child.note("ended")
            self._ended.set_result(exit)


def spec_of(script: Script, moments: list[Moment]) -> ChildSpec:
    """The spec of a scripted child."""
    return ChildSpec(
        id=script.id,
        start=ScriptedChild(script, moments).start,
        restart=RestartPolicy(script.restart),
        shutdown=Shutdown.BRUTAL_KILL if script.shutdown is None else script.shutdown,
        significant=script.significant,
        start_timeout=START_TIMEOUT,
        backoff=BackoffSettings(base=script.base, cap=script.cap),
        healthy_after=script.healthy_after,
        on_exceeded=OnExceeded.COOL_DOWN if script.cool_down else OnExceeded.ESCALATE,
    )


def supervisor_of(schedule: Schedule, moments: list[Moment]) -> Supervisor:
    """The supervisor of a schedule's children; each child's backoff has the script's seed."""
    seeds = {script.id: script.seed for script in schedule.scripts}

    def backoff_of(spec: ChildSpec) -> Backoff:
        rng = random.Random(seeds.get(spec.id, 0))
        return Backoff(base=spec.backoff.base, cap=spec.backoff.cap, rng=rng)

    spec = SupervisorSpec(
        name="sup",
        children=tuple(spec_of(script, moments) for script in schedule.scripts),
        strategy=Strategy(schedule.strategy),
        intensity=Intensity(restarts=schedule.restarts, period=schedule.period),
        auto_shutdown=AutoShutdown(schedule.auto_shutdown),
    )
    return Supervisor(spec, backoffs=backoff_of)


async def observe(schedule: Schedule) -> Outcome:
    """Run a schedule to its end."""
    moments: list[Moment] = []
    supervisor = supervisor_of(schedule, moments)
    asyncio.get_running_loop().call_at(schedule.stop_at, supervisor.ask_stop, "the schedule")
    starting = asyncio.ensure_future(supervisor.start())
    exit = await supervisor.wait()
    await asyncio.wait([starting])
    await cancel_and_wait(starting)
    if not starting.cancelled():
        starting.exception()  # the supervisor's end says the same
    restarts = {child.id: child.restarts for child in supervisor.view().children}
    return Outcome(verdict_of(exit), moments, restarts)


def verdict_of(exit: Exit) -> str:
    """An end, in the words of the model."""
    match exit.error:
        case Escalated(child=child):
            return f"escalated {child}"
        case NotStarted():
            return "not booted"
        case _:
            return exit.reason.value
