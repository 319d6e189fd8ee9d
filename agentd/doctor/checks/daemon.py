"""The daemon that runs here, its port, and what dead ones have left."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

import aiohttp
import msgspec
import psutil
from msgspec import Struct

from agentd.daemon.lock import FILE_NAME as LOCK_NAME
from agentd.daemon.lock import state_lock
from agentd.doctor.finding import Finding, failure, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.processes import SOCKETS, OwnProcess, is_alive, is_served, own_processes
from agentd.doctor.threads import in_thread
from agentd.errors import AlreadyRunning, ControlError, NoDaemon
from agentd.management.client import ControlClient
from agentd.management.locate import find_daemon
from agentd.management.views import StatusView
from agentd.settings.paths import Directory

ASK_SECONDS = 2.0

SYSTEMD = 1
"""The pid that opens sockets for others (agentd.socket)."""

DEV_PREFIX = "dev-"


# -- the daemon ------------------------------------------------------------------------


def judge_daemon(status: StatusView, own_version: str) -> Finding:
    """It is well, and of our version."""
    text = (
        f"pid {status.pid}, version {status.version}, up {status.uptime:.0f} s, link "
        f"{status.link.phase}, {len(status.jobs)} jobs"
    )
    if status.problems:
        told = "; ".join(f"{each.part}: {each.message}" for each in status.problems)
        return failure(f"{text}: {told}", "agentd status, and its log")
    if status.version != own_version:
        return warning(
            f"{text}; this command is {own_version}", "restart the daemon: its calls go on"
        )
    return ok(text)


async def daemon(patient: Patient) -> Finding:
    runtime = patient.directories().runtime
    try:
        found = await in_thread(lambda: find_daemon(runtime))
        async with ControlClient(found.path, timeout=ASK_SECONDS) as client:
            return judge_daemon(await client.status(), metadata.version("agentd"))
    except NoDaemon:
        return skipped(f"no daemon runs in '{runtime.path}'")
    except ControlError as error:
        return failure(str(error), "agentd status; restart it: its calls go on")


# -- the port --------------------------------------------------------------------------


class PortFacts(Struct, frozen=True, kw_only=True):
    """What became of listening there."""

    host: str
    port: int
    error: str = ""
    taken: bool = False
    owner: str = ""
    """Who listens there, as far as it is known."""
    ours: int = 0
    """The pid of our own daemon, where it is that."""


def judge_port(facts: PortFacts) -> Finding:
    """It is free, or our daemon's."""
    where = f"{facts.host}:{facts.port}"
    if facts.port == 0:
        return ok("port 0: the daemon takes a free one")
    if facts.ours:
        return ok(f"{where} is served by the daemon that runs (pid {facts.ours})")
    if facts.owner.startswith(f"pid {SYSTEMD} "):
        return ok(f"{where} is held by {facts.owner}, to be handed to the daemon")
    if facts.taken:
        return failure(
            f"{where} is taken{facts.owner and f' by {facts.owner}'}",
            f"stop that, or --port {facts.port + 1} (0 takes a free one)",
        )
    if facts.error:
        return failure(
            f"{where} can't be listened on: {facts.error}",
            "host and port under [http] in agentd.toml; below 1024 needs CAP_NET_BIND_SERVICE",
        )
    return ok(f"{where} is free")


async def http_port(patient: Patient) -> Finding:
    http = (await patient.settings()).http
    facts = try_port(http.host, http.port)
    if facts.taken:
        runtime = patient.directories().runtime
        ours = await in_thread(lambda: _pid_of_daemon(runtime))
        if ours and await _is_healthz(http.host, http.port):
            return judge_port(msgspec.structs.replace(facts, ours=ours))
        owner = await in_thread(lambda: _listener(http.port))
        return judge_port(msgspec.structs.replace(facts, owner=owner))
    return judge_port(facts)


def try_port(host: str, port: int) -> PortFacts:
    """Listen, and stop at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port == 0:
        return PortFacts(host=host, port=port)
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host.strip("[]"), port))
            sock.listen(1)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return PortFacts(host=host, port=port, taken=taken, error=error.strerror or str(error))
    return PortFacts(host=host, port=port)


def _pid_of_daemon(runtime: Directory) -> int:
    try:
        return find_daemon(runtime).pid
    except ControlError:
        return 0


async def _is_healthz(host: str, port: int) -> bool:
    place = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    timeout = aiohttp.ClientTimeout(total=1.0)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for scheme in ("http", "https"):
            try:
                # Who answers is known by its control socket: no certificate has to prove it.
                async with http.get(f"{scheme}://{place}:{port}/healthz", ssl=False) as answer:
                    return "status" in await answer.json()
            except (aiohttp.ClientError, OSError, ValueError):
                continue
    return False


def _listener(port: int) -> str:
    try:
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port:
                pid = each.pid
                return f"pid {pid} ({psutil.Process(pid).name()})" if pid else "another user"
    except (psutil.Error, OSError):
        pass  # not ours to know
    return ""


# -- what was left -----------------------------------------------------------------------


def judge_leftovers(processes: Sequence[OwnProcess], grace: float) -> Finding:
    """Children whose daemon is gone go on for a while, for the next one to adopt them."""
    if not processes:
        return ok("no process of a dead daemon")
    listed = ", ".join(
        f"pid {each.pid} ({each.module}, {each.age:.0f} s old, '{each.runtime}')"
        for each in processes
    )
    pids = " ".join(str(each.pid) for each in processes)
    return warning(
        f"{len(processes)} processes of a dead daemon: {listed}",
        f"start a daemon in that runtime directory: it adopts their calls. Else they end by "
        f"themselves after {grace:g} s (reconnect_grace), or by kill {pids}, which ends the calls",
    )


async def leftovers(patient: Patient) -> Finding:
    grace = (await patient.settings()).jobs.reconnect_grace
    return judge_leftovers(await in_thread(lambda: orphans(patient.root / "proc")), grace)


def orphans(proc: Path) -> list[OwnProcess]:
    """Processes whose daemon is gone."""
    found = own_processes(proc)
    served = {runtime: is_served(runtime) for runtime in {each.runtime for each in found}}
    return [each for each in found if not served[each.runtime]]


def judge_stale(stale: Iterable[Path]) -> Finding:
    """Sockets that nobody listens on, and directories of `agentd dev` runs that were killed."""
    listed = ", ".join(f"'{path}'" for path in stale)
    if not listed:
        return ok("no stale socket or directory")
    return warning(f"left by a dead daemon: {listed}", "agentd doctor --fix removes them")


async def stale_files(patient: Patient) -> Finding:
    return judge_stale(await in_thread(lambda: find_stale(patient)))


def find_stale(patient: Patient) -> list[Path]:
    """Nothing of a daemon that lives, or whose children do: they come back by these paths."""
    directories = patient.directories()
    proc = patient.root / "proc"
    runtime, state = directories.runtime.path, directories.state.path
    used = {each.runtime for each in own_processes(proc)}
    found = [
        path
        for place in (runtime, state)
        for path in sorted(place.glob(f"{DEV_PREFIX}*"))
        if _is_ours(path) and runtime / path.name not in used and _is_dead_run(path, proc)
    ]
    if runtime not in used and runtime.is_dir() and not is_served(runtime):
        found += [path for name in SOCKETS if is_deaf(path := runtime / name)]
    return found


def _is_dead_run(path: Path, proc: Path) -> bool:
    pid = path.name.removeprefix(DEV_PREFIX)
    if not path.is_dir() or not pid.isdecimal() or is_alive(int(pid), proc):
        return False
    # A daemon in a container has a number that is nobody's here, and yet its directory may be ours.
    return not is_served(path) and not is_locked(path)


def is_deaf(path: Path) -> bool:
    """Whether a path is a socket that nobody listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            return path.is_socket()
        except OSError:
            return False
    return False


def is_locked(state: Path) -> bool:
    """Whether a daemon has a state directory to itself."""
    if not (state / LOCK_NAME).exists():
        return False
    try:
        with state_lock(state):
            return False
    except AlreadyRunning:
        return True


def _is_ours(path: Path) -> bool:
    return path.lstat().st_uid == os.getuid() and not path.is_symlink()


async def remove_stale(patient: Patient) -> str:
    """The fix."""
    return await in_thread(lambda: _remove(find_stale(patient)))


def _remove(stale: Iterable[Path]) -> str:
    done = []
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        done.append(f"removed '{path}'")
    return "; ".join(done)
