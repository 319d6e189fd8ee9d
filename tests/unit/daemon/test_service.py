"""What systemd is told of a daemon, on a virtual clock and through real sockets."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentd.aio.tasks import cancel_and_wait
from agentd.daemon.service import EXTEND_EVERY, EXTENSION, Service, describe, is_final
from agentd.daemon.systemd import ServiceManager, service_manager, take_sockets
from agentd.daemon.vitals import PATIENCE, find_lifeless
from agentd.management.health import LinkView, Problem
from agentd.management.views import DrainView, StatusView
from agentd.supervision.view import ChildView, TreeView
from agentd.testing.virtual_time import run_virtual
from tests.support.changes import Changes
from tests.support.controls import STATUS, TREE, ScriptedControls

DRAIN = DrainView(draining=True, reason="SIGTERM", jobs_left=2, seconds_left=300.4, final=True)


def shown(
    *, drain: DrainView | None = None, idle: int = 2, link: str = "", problem: str = ""
) -> StatusView:
    """A daemon in some state."""
    return replace(
        STATUS,
        drain=drain or DrainView(),
        pool=replace(STATUS.pool, idle=idle),
        link=LinkView(phase="connecting", error=link) if link else STATUS.link,
        problems=(Problem(part="pool", message=problem),) if problem else (),
    )


@pytest.mark.parametrize(
    ("status", "ready", "line"),
    [
        (shown(), True, "1 job in 4 slots, 2 warm children, registered"),
        (
            shown(problem="no warm child"),
            True,
            "1 job in 4 slots, 2 warm children, registered, pool: no warm child",
        ),
        (shown(idle=0), False, "starting: waiting for a warm child"),
        (shown(link="no answer"), False, "starting: LiveKit: no answer"),
        (shown(problem="prewarm raised"), False, "starting: pool: prewarm raised"),
        (shown(drain=DRAIN), True, "draining (SIGTERM): 2 jobs left, for 300 s at most"),
        (
            shown(drain=replace(DRAIN, jobs_left=1, ending=True)),
            True,
            "draining (SIGTERM): ending 1 job",
        ),
        (
            shown(drain=replace(DRAIN, jobs_left=0)),
            True,
            "draining (SIGTERM): all jobs have ended",
        ),
    ],
)
def test_the_line_of_systemctl_status_says_how_it_is(
    status: StatusView, ready: bool, line: str
) -> None:
    """Jobs, warm children, the link, what is wrong, how far a drain has come."""
    assert describe(status, ready=ready) == line


class Told(ServiceManager):
    """Keeps what systemd would be told."""

    def __init__(self) -> None:
        super().__init__("/nowhere", 30.0)
        self.words: list[str] = []
        self.at: list[float] = []
        self.hears = True

    def _send(self, *assignments: str) -> bool:
        self.words.append(assignments[0])
        self.at.append(asyncio.get_running_loop().time())
        return self.hears


def ready_service(told: Told, controls: ScriptedControls) -> Service:
    """That of a daemon to which jobs can come."""
    service = Service(told, lambda: None)
    service.attach(controls)
    service.note_ready()
    return service


def test_a_start_asks_for_more_time_until_it_is_done() -> None:
    """However long the app's import takes: it has a deadline of its own."""

    async def scenario() -> Told:
        told = Told()
        service = Service(told, lambda: None)
        running = asyncio.create_task(service.run())
        await asyncio.sleep(35)
        service.attach(ScriptedControls())
        service.note_ready()
        await asyncio.sleep(100)
        await cancel_and_wait(running)
        return told

    told = run_virtual(scenario())

    assert told.words.count("STATUS=starting: the app is imported") == 4
    assert told.words[-1] == "READY=1"
    assert max(b - a for a, b in itertools.pairwise(told.at)) <= EXTEND_EVERY


def test_a_drain_asks_for_more_time_until_its_end() -> None:
    """TimeoutStopSec need not know drain_timeout."""

    async def scenario() -> tuple[Told, float]:
        told, controls = Told(), ScriptedControls()
        service = ready_service(told, controls)
        running = asyncio.create_task(service.run())
        await asyncio.sleep(50)
        began_at = asyncio.get_running_loop().time()
        controls.show_drain(DRAIN)
        service.note_drain()
        await asyncio.sleep(3600)
        await cancel_and_wait(running)
        return told, began_at

    told, began_at = run_virtual(scenario())

    asked_at = [at for at, word in zip(told.at, told.words, strict=True) if word == "STOPPING=1"]
    assert asked_at[0] == began_at
    assert max(b - a for a, b in itertools.pairwise(asked_at)) < EXTENSION
    assert len(asked_at) >= 360


def test_a_daemon_at_rest_tells_nothing_and_a_busy_one_once_a_second() -> None:
    """No timer where nothing happens."""

    async def scenario() -> tuple[int, int]:
        told, controls = Told(), ScriptedControls()
        service = ready_service(told, controls)
        running = asyncio.create_task(service.run())
        await asyncio.sleep(600)
        at_rest = len(told.words)
        for number in range(100):
            controls.shown = shown(idle=number)
            controls.show_drain(DrainView())
            await asyncio.sleep(0.1)
        await cancel_and_wait(running)
        return at_rest, len(told.words) - at_rest

    at_rest, busy = run_virtual(scenario())

    assert at_rest <= 2
    assert 9 <= busy <= 12


def test_one_that_the_tree_has_begun_anew_hears_of_changes_too() -> None:
    """Else a drain would ask for more time but once, and systemd would end it."""

    async def scenario() -> Told:
        told, controls = Told(), ScriptedControls()
        service = ready_service(told, controls)
        failed = asyncio.create_task(service.run())
        await asyncio.sleep(5)
        await cancel_and_wait(failed)
        running = asyncio.create_task(service.run())
        await asyncio.sleep(5)
        controls.show_drain(DRAIN)
        service.note_drain()
        await asyncio.sleep(10 * EXTEND_EVERY)
        await cancel_and_wait(running)
        return told

    told = run_virtual(scenario())

    assert told.words.count("STOPPING=1") >= 10


@pytest.mark.parametrize(
    ("drain", "final"),
    [
        (DrainView(), False),
        (DRAIN, True),
        (replace(DRAIN, final=False), False),
        (replace(DRAIN, final=False, ending=True), True),
        (replace(DRAIN, final=False, jobs_left=0), True),
    ],
    ids=["none", "by a signal", "can be taken back", "jobs are ended", "no job is left"],
)
def test_only_a_drain_that_cant_be_taken_back_is_a_stop(drain: DrainView, final: bool) -> None:
    """systemd knows no way back from STOPPING=1."""
    assert is_final(drain) is final


def test_a_systemd_that_was_behind_is_told_of_the_start_again() -> None:
    """A start whose end is lost would time out."""

    async def scenario() -> Told:
        told = Told()
        service = Service(told, lambda: None)
        service.attach(ScriptedControls())
        running = asyncio.create_task(service.run())
        await asyncio.sleep(5)
        told.hears = False
        service.note_ready()
        await asyncio.sleep(3)
        told.hears = True
        await asyncio.sleep(60)
        await cancel_and_wait(running)
        return told

    told = run_virtual(scenario())

    assert 3 <= told.words.count("READY=1") <= 5
    assert told.words[-1] == "READY=1"


async def test_a_reload_is_told_with_its_end_and_never_before_the_start() -> None:
    """READY=1 for a reload while starting would be taken for the start's end."""
    told = Told()
    service = Service(told, lambda: None)
    service.note_reloading()
    service.note_reloaded()
    service.attach(ScriptedControls())
    service.note_ready()

    service.note_reloading()
    service.note_reloaded()
    service.note_reloaded()

    assert told.words == ["READY=1", "RELOADING=1", "READY=1"]


# -- the watchdog --------------------------------------------------------------------------


def tree_with(child: str, state: str, since: float) -> TreeView:
    """A daemon's tree with one child in some state."""
    (like,) = TREE.children
    them = [
        ChildView(
            id=name,
            type=like.type,
            state=state if name == child else "running",
            since=since,
            restarts=0,
            failures=0,
            last_error="",
            next_start_in=None,
            below=None,
        )
        for name in ("journal", "pool", "template", "control", "http", "desk", "link")
    ]
    return replace(TREE, children=tuple(them))


@pytest.mark.parametrize(
    ("child", "state", "since", "lifeless"),
    [
        ("pool", "stopping", PATIENCE + 1, True),
        ("desk", "starting", PATIENCE + 1, True),
        ("link", "failed", PATIENCE + 1, True),
        ("pool", "stopping", PATIENCE - 1, False),
        ("desk", "running", 1e6, False),
        ("link", "terminated", 1e6, False),
        ("template", "failed", 1e6, False),
        ("http", "failed", 1e6, False),
    ],
)
def test_only_what_no_call_can_do_without_keeps_the_watchdog_hungry(
    child: str, state: str, since: float, lifeless: bool
) -> None:
    """And only when the tree has not mended it for a minute; an app that fails is no such thing."""
    assert bool(find_lifeless(tree_with(child, state, since))) is lifeless


async def test_a_lifeless_daemon_is_not_fed_and_says_so_once() -> None:
    """Until the part is at work again."""
    told, tree = Told(), tree_with("pool", "stopping", 90.0)
    service = Service(told, lambda: tree)

    with Changes() as changes:
        service.feed_watchdog()
        service.feed_watchdog()
        assert told.words == []
        (record,) = changes.actions("watchdog_not_fed")
        tree = tree_with("pool", "running", 1.0)
        service.feed_watchdog()

    assert told.words == ["WATCHDOG=1"]
    assert record.__dict__["reason"] == "daemon/pool has been stopping for 90 s"


# -- through sockets -----------------------------------------------------------------------


@pytest.fixture(params=["a path", "abstract"])
def listening(request: pytest.FixtureRequest, workdir: Path) -> Iterator[tuple[str, socket.socket]]:
    """Where systemd listens, and what it says of that."""
    name = str(workdir / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name if request.param == "a path" else f"\0{name}")
        sock.settimeout(20)
        yield name if request.param == "a path" else f"@{name}", sock


def test_messages_arrive_as_systemd_reads_them(listening: tuple[str, socket.socket]) -> None:
    """A line for each assignment; a line break in a text begins no other one."""
    address, sock = listening
    manager = ServiceManager(address, None)

    manager.reloading("a\nREADY=1")
    manager.stopping("draining", within=30)

    reloading = sock.recv(1000).decode().split("\n")
    assert reloading[0] == "RELOADING=1"
    assert reloading[1].startswith("MONOTONIC_USEC=")
    assert reloading[2:] == ["STATUS=a READY=1"]
    assert sock.recv(1000).decode().split("\n") == [
        "STOPPING=1",
        "STATUS=draining",
        "EXTEND_TIMEOUT_USEC=30000000",
    ]


def test_a_systemd_that_does_not_read_holds_nobody_up(workdir: Path) -> None:
    """Its socket is full: the message is lost."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(workdir / "notify"))
        manager = ServiceManager(str(workdir / "notify"), None)
        for _ in range(2000):
            manager.feed_watchdog()
    manager.feed_watchdog()  # gone


def test_outside_of_a_service_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything asked for."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)

    manager = service_manager()
    manager.ready("x")

    assert not manager.listens
    assert manager.watchdog_period is None


def test_the_sockets_that_systemd_passes_are_taken_and_not_inherited() -> None:
    """They listen already; a process that we start must not keep the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = os.dup(server.fileno())
        os.set_inheritable(number, True)
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}

        (taken,) = take_sockets(environ, first_fd=number)

        assert taken.getsockname() == server.getsockname()
        assert not taken.get_inheritable()
        taken.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
        {"LISTEN_FDS": "1"},
    ],
    ids=["none", "another's", "no number", "nobody's"],
)
def test_sockets_of_others_are_left_alone(environ: dict[str, str]) -> None:
    """By the rules of sd_listen_fds(3)."""
    assert take_sockets(environ) == ()
