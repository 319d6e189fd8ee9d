"""What a supervisor should do with a crash schedule: a plain simulation, event by event.

Written from the rules alone and as simply as possible; it shares nothing with what it is held
against. All children are looked at anew after each event.
"""

from __future__ import annotations

import random
from math import inf

from tests.unit.supervision.schedule import Outcome, Schedule, Script

RESTARTED = {
    ("permanent", "normal"),
    ("permanent", "error"),
    ("transient", "error"),
}


class Kid:
    """One child: `status` is off, wait, start, up or stop; its next event is at `alarm`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.rng = random.Random(script.seed)
        self.status = "wait"
        self.alarm = 0.0
        self.due = 0.0
        self.fate = ""  # what it is after it has been stopped: wait, off or gone
        self.life = -1
        self.ready_at = inf
        self.was_ready = False
        self.failures = 0
        self.cooling = False
        self.own_restarts: list[float] = []
        self.restarts = 0
        self.killed_at = inf


class Model:
    """The simulation."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.kids = [Kid(script) for script in schedule.scripts]
        self.restarts: list[float] = []
        self.outcome = Outcome()
        self.t = 0.0

    def run(self) -> Outcome:
        self.act()
        while not self.outcome.verdict or any(k.status != "off" for k in self.kids):
            first = min(map(self.next_event, self.kids), default=inf)
            if first > self.schedule.stop_at and not self.outcome.verdict:
                self.t = self.schedule.stop_at
                self.finish("shutdown")
            else:
                self.t, kid = first, min(self.kids, key=self.next_event)
                self.happen(kid)
            self.act()
        self.outcome.restarts = {k.script.id: k.restarts for k in self.kids}
        return self.outcome

    def next_event(self, kid: Kid) -> float:
        if kid.status == "wait":  # what is due already waits for others, not for time
            return kid.due if kid.due > self.t else inf
        return kid.alarm if kid.status != "off" else inf

    def note(self, what: str, kid: Kid) -> None:
        self.outcome.moments.append((self.t, what, kid.script.id))

    # -- what happens ----------------------------------------------------------------

    def happen(self, kid: Kid) -> None:
        plan = kid.script.plan(kid.life)
        if kid.status == "start" and plan.starts:
            self.note("ready", kid)
            kid.status = "up"
            kid.was_ready = True
            kid.ready_at = self.t
            kid.alarm = self.t + plan.lasts
        elif kid.status == "start":
            self.note("failed", kid)
            self.fail_to_start(kid)
        elif kid.status == "up":
            self.note("ended", kid)
            self.leave_up(kid)
            self.die(kid, plan.exit)
        elif kid.status == "stop":
            if self.t >= kid.killed_at:
                self.note("killed", kid)
            self.note("ended", kid)
            self.put(kid)

    def fail_to_start(self, kid: Kid) -> None:
        kid.status = "off"
        if kid.fate:
            self.put(kid)
        elif not kid.was_ready:
            self.finish("not booted")
        else:
            self.restart(kid)

    def die(self, kid: Kid, exit: str) -> None:
        kid.status = "off"
        if kid.fate:
            self.put(kid)
        elif (kid.script.restart, exit) in RESTARTED:
            self.restart(kid)
        else:
            self.forget(kid)

    def leave_up(self, kid: Kid) -> None:
        if self.t - kid.ready_at >= kid.script.healthy_after:
            kid.failures = 0
            kid.cooling = False
        kid.ready_at = inf

    def put(self, kid: Kid) -> None:
        fate, kid.fate = kid.fate, ""
        if fate == "gone":
            self.kids.remove(kid)
        else:
            kid.status = fate

    def forget(self, kid: Kid) -> None:
        if kid.script.restart == "temporary":
            self.kids.remove(kid)
        if not kid.script.significant:
            return
        alive = [k for k in self.kids if k.script.significant and k.status != "off"]
        if self.schedule.auto_shutdown == "any_significant" or not alive:
            self.finish("shutdown")

    def restart(self, kid: Kid) -> None:
        kid.status = "wait"
        kid.restarts += 1
        book = kid.own_restarts if kid.script.cool_down else self.restarts
        book.append(self.t)
        recent = [at for at in book if self.t - at <= self.schedule.period]
        if len(recent) > self.schedule.restarts:
            if not kid.script.cool_down:
                self.finish(f"escalated {kid.script.id}")
                return
            kid.cooling = True
        ceiling = min(kid.script.cap, kid.script.base * 2**kid.failures)
        delay = kid.rng.uniform(0.0, ceiling)
        kid.failures += 1
        if kid.cooling:
            delay = kid.script.cap
        for other in self.concerned(kid):
            other.due = max(other.due, self.t + delay)
            self.condemn(other, "gone" if other.script.restart == "temporary" else "wait")

    def concerned(self, kid: Kid) -> list[Kid]:
        if self.schedule.strategy == "one_for_all":
            return list(self.kids)
        if self.schedule.strategy == "rest_for_one":
            return self.kids[self.kids.index(kid) :]
        return [kid]

    def condemn(self, kid: Kid, fate: str) -> None:
        kid.fate = fate
        if kid.status in ("off", "wait"):
            self.put(kid)

    def finish(self, verdict: str) -> None:
        if not self.outcome.verdict:
            self.outcome.verdict = verdict
            for kid in self.kids:
                self.condemn(kid, "off")

    # -- what is done ----------------------------------------------------------------

    def act(self) -> None:
        leaving = [kid for kid in self.kids if kid.fate]
        while leaving and leaving[-1].status != "stop":
            self.stop(leaving[-1])
            leaving = [kid for kid in self.kids if kid.fate]
        if self.outcome.verdict:
            return
        grouped = self.schedule.strategy != "one_for_one"
        for place, kid in enumerate(self.kids):
            earlier = [k for k in self.kids[:place] if k.status in ("wait", "start", "stop")]
            ordered = grouped or not kid.was_ready
            if kid.status != "wait" or kid.due > self.t:
                continue
            if not (earlier and ordered) and not (grouped and leaving):
                self.start(kid)

    def start(self, kid: Kid) -> None:
        self.note("start", kid)
        kid.life += 1
        kid.status = "start"
        kid.alarm = self.t + kid.script.plan(kid.life).start

    def stop(self, kid: Kid) -> None:
        if kid.status == "start":
            self.note("cut", kid)
            kid.status = "off"
            self.put(kid)
            return
        self.leave_up(kid)
        kid.status = "stop"
        kid.killed_at = self.t
        if kid.script.shutdown is not None:
            self.note("asked", kid)
            kid.killed_at = self.t + kid.script.shutdown
        ends = min(kid.alarm, self.t + kid.script.plan(kid.life).heeds)
        kid.alarm = min(ends, kid.killed_at)
