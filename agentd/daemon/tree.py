"""The daemon's tree: which children it has, in their order, and how each is kept.

Each child is a task that serves until it is cancelled. They are added one after the other, since
what the later ones are told depends on the app, which the template imports; they are stopped
in reverse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial

from agentd.dispatch.reconcile import FINISH_TIMEOUT
from agentd.errors import LiveKitRefused, LiveKitUnreachable, NotStarted
from agentd.ipc.listener import Listener
from agentd.journal.journal import CLOSE_TIMEOUT, Journal
from agentd.journal.loghandler import LOGGER, JournalHandler
from agentd.management.control_server import ControlServer
from agentd.management.controls import Controls
from agentd.management.metrics import Metrics
from agentd.management.server import HttpServer
from agentd.supervision.intensity import Intensity
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import ChildSpec, OnExceeded, SupervisorSpec
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import ready_task_child, task_child
from agentd.supervisor.roster import CLOSE_MARGIN

from .base import Base
from .loopwatch import LoopWatch
from .parts import Parts
from .reload import watch_app
from .service import Service

TREE = SupervisorSpec(name="daemon", intensity=Intensity(restarts=5, period=60.0))

WATCHER = "watcher"
"""Id of the child that reloads the app when its files change; only in `dev --reload`."""

STOP_MARGIN = 5.0
"""Seconds beyond a part's own deadlines."""

Ready = Callable[[], None]


async def add_child(tree: Supervisor, spec: ChildSpec) -> None:
    """Start one more child; raises what its start raised."""
    try:
        await tree.add(spec)
    except NotStarted as error:
        # Users know nothing of trees: the first cause is what they have to mend.
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from error.__cause__.__cause__
        raise


def loop_watch_child(watch: LoopWatch) -> ChildSpec:
    """Watches the event loop from the start, since systemd does."""
    return ChildSpec(id="loop-watch", start=task_child(watch.run, name="loop-watch"))


def service_child(service: Service) -> ChildSpec:
    """Keeps systemd informed, from the start and to the end."""
    return ChildSpec(id="service", start=task_child(service.run, name="service"))


def base_children(base: Base, *, spare_jobs: bool) -> Iterator[ChildSpec]:
    """The children before the template. `spare_jobs`: leave jobs to a daemon after this one."""
    yield ChildSpec(
        id="journal",
        start=ready_task_child(partial(_journal, base.journal), name="journal"),
        shutdown=CLOSE_TIMEOUT + STOP_MARGIN,
    )
    yield ChildSpec(
        id="pool",
        start=ready_task_child(partial(_pool, base, spare_jobs=spare_jobs), name="pool"),
        shutdown=CLOSE_MARGIN + STOP_MARGIN,
    )


def part_children(
    parts: Parts, controls: Controls, *, reload: Callable[[str], None] | None
) -> Iterator[ChildSpec]:
    """All children after the template, in order of their start. `reload`: watch the app's files."""
    control = partial(_control, parts, controls)
    yield ChildSpec(id="control", start=ready_task_child(control, name="control"))
    http = partial(_http, parts, controls)
    yield ChildSpec(id="http", start=ready_task_child(http, name="http"))
    yield ChildSpec(id="desk", start=task_child(partial(_desk, parts), name="desk"))
    yield ChildSpec(
        id="link",
        start=task_child(partial(_link, parts), name="link"),
        restart=RestartPolicy.TRANSIENT,
    )
    if parts.reconciler is not None:
        yield ChildSpec(
            id="reconciler",
            start=task_child(parts.reconciler.run, name="reconciler"),
            shutdown=FINISH_TIMEOUT + STOP_MARGIN,
            on_exceeded=OnExceeded.COOL_DOWN,
        )
    if reload is not None:
        yield ChildSpec(
            id=WATCHER,
            start=task_child(partial(watch_app, parts.app, reload), name="watcher"),
            restart=RestartPolicy.TRANSIENT,
            on_exceeded=OnExceeded.COOL_DOWN,
        )


# -- what the children do --------------------------------------------------------------


async def _journal(journal: Journal, ready: Ready) -> None:
    await journal.start()
    handler = JournalHandler(journal)
    logging.getLogger(LOGGER).addHandler(handler)
    try:
        ready()
        await _for_ever()
    finally:
        logging.getLogger(LOGGER).removeHandler(handler)
        await journal.aclose()


async def _http(parts: Parts, controls: Controls, ready: Ready) -> None:
    server = HttpServer(
        parts.resolved.settings.http,
        parts,
        Metrics(parts.metrics),
        controls=controls,
        feed=parts.feed,
        sockets=parts.http_sockets,
    )
    async with parts.feed.serving(controls), server:
        ready()
        await _for_ever()


async def _control(parts: Parts, controls: Controls, ready: Ready) -> None:
    metrics = Metrics(parts.metrics)
    path = parts.base.control_path
    async with ControlServer(path, controls, parts.feed, metrics=metrics):
        ready()
        await _for_ever()


async def _pool(base: Base, ready: Ready, *, spare_jobs: bool) -> None:
    try:
        base.orphans = await base.restorer.adopt_living(base.journal)
        base.pool.roster.on_return = base.restorer.take_back
        async with Listener(base.socket_path, base.pool.roster.handle_hello):
            ready()
            await _for_ever()
    finally:
        await base.pool.aclose("the daemon is stopping", spare_jobs=spare_jobs)


async def _desk(parts: Parts) -> None:
    base, orphans = parts.base, parts.base.orphans
    base.guards.start()
    base.orphans = []
    base.simulations.adopt(base.desk.view())
    try:
        await base.restorer.resume_orphans(orphans, parts.rooms.why_over)
        await _for_ever()
    finally:
        await base.simulations.aclose()
        await base.desk.aclose()


async def _link(parts: Parts) -> None:
    await parts.wait_warm()
    try:
        await parts.link.run()
    except (LiveKitRefused, LiveKitUnreachable) as error:
        # No restart mends these: the user has to.
        parts.give_up(error)


async def _for_ever() -> None:
    await asyncio.Event().wait()
