"""How each fault is done. Each returns the rooms whose own child, or whole call, it has hit.

One whose effect comes later (a child that is stopped is replaced after a while) returns when
that has come: until then all looks well.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from agentd.journal.journal import FILE_NAME

from .plan import FaultKind, Step
from .world import LOOK_ERRORS, Call, World

Fault = Callable[[World, Step], Awaitable[list[str]]]

SHORT_STOP = 1.0
BLOCK = (1.0, 6.0)
"""Seconds that a child is blocked: the heartbeat timeout of 3 lies between."""

REPLACED_WITHIN = 15.0
"""Seconds for the daemon to end a child that is stopped, blocked or too large; memory is looked
at every 5 s."""

DOWN_TIME = 3.0
"""Seconds at most between a daemon's death and its successor's start."""


async def do(world: World, step: Step) -> list[str]:
    """Do what the step says."""
    return await FAULTS[step.kind](world, step)


# -- children ------------------------------------------------------------------------------


async def kill_child(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    signal_job(world, call, signal.SIGKILL)
    return [call.room]


async def stop_child(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    pid = signal_job(world, call, signal.SIGSTOP)
    await asyncio.sleep(SHORT_STOP * step.chance)
    send(pid, signal.SIGCONT)
    return [call.room]


async def stop_child_for_good(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    pid = signal_job(world, call, signal.SIGSTOP)
    await must_end(pid, step)
    return [call.room]


async def order_child(world: World, step: Step, order: str) -> tuple[Call, int]:
    """Tell a job to do something; its call and its process. No two orders of a storm may be the
    same: LiveKit passes a room's metadata on only when it changes.
    """
    call = victim(world, step)
    pid = world.pids_of_jobs()[call.room]
    await world.callers.say(call.room, order)
    return call, pid


async def block_child(world: World, step: Step) -> list[str]:
    seconds = BLOCK[0] + (BLOCK[1] - BLOCK[0]) * step.chance
    call, pid = await order_child(world, step, f"block {seconds:.1f}{step.number:04d}")
    await has_ended(pid, seconds + 0.5)  # a short one is waited for, and survived
    return [call.room]


async def exit_in_job(world: World, step: Step) -> list[str]:
    call, pid = await order_child(world, step, f"exit {step.number}")
    await must_end(pid, step)
    return [call.room]


async def hog_memory(world: World, step: Step) -> list[str]:
    call, pid = await order_child(world, step, f"hog {400 + step.number % 100}")
    await must_end(pid, step)
    return [call.room]


async def kill_idle_child(world: World, _step: Step) -> list[str]:
    try:
        status = await world.status()
    except LOOK_ERRORS:
        return []
    idle = [child.pid for child in status.pool.children if child.state == "idle" and child.pid]
    if idle:
        send(idle[0], signal.SIGKILL)
    return []


async def kill_template(world: World, _step: Step) -> list[str]:
    try:
        status = await world.status()
    except LOOK_ERRORS:
        return []
    if status.template.pid:
        send(status.template.pid, signal.SIGKILL)
    return []


# -- the daemon ------------------------------------------------------------------------------


async def kill_daemon(world: World, step: Step) -> list[str]:
    await world.daemon.crash()
    await asyncio.sleep(DOWN_TIME * step.chance)
    await world.start_daemon(wait=False)
    return []


async def kill_daemon_and_journal(world: World, step: Step) -> list[str]:
    await world.daemon.crash()
    path = world.state / FILE_NAME
    with path.open("r+b") as file:
        file.write(b"this is no database" * 50)
    for beside in path.parent.glob(f"{FILE_NAME}-*"):
        beside.unlink()
    await world.start_daemon(wait=False)
    return []


async def kill_daemon_and_child(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    await world.daemon.crash()
    signal_job(world, call, signal.SIGKILL)
    await asyncio.sleep(DOWN_TIME * step.chance)
    await world.start_daemon(wait=False)
    return [call.room]


async def stop_daemon(world: World, step: Step) -> list[str]:
    world.daemon.signal(signal.SIGSTOP)
    await asyncio.sleep(4 * step.chance)
    world.daemon.signal(signal.SIGCONT)
    return []


async def dispatch_while_down(world: World, step: Step) -> list[str]:
    await world.daemon.crash()
    await world.add_call()
    await asyncio.sleep(DOWN_TIME * step.chance)
    await world.start_daemon(wait=False)
    return []


# -- what is around it -------------------------------------------------------------------------


async def cut_link(world: World, step: Step) -> list[str]:
    world.proxy.cut_workers()
    await asyncio.sleep(step.chance)
    world.proxy.let_workers_in()
    return []


async def fill_disk(world: World, step: Step) -> list[str]:
    """The state directory is a small disk of its own; a file takes what is left of it."""
    ballast = world.state / "ballast"
    fill(ballast)
    await asyncio.sleep(1 + 2 * step.chance)
    ballast.unlink()
    return []


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            return


async def restart_server(world: World, step: Step) -> list[str]:
    """Callers and agents come back to it by themselves; it knows nothing of their rooms."""
    await asyncio.to_thread(world.server.kill)
    await asyncio.sleep(step.chance)
    await asyncio.to_thread(world.server.start_again)
    return everyone(world)


async def hang_up(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    await call.hang_up()
    await world.callers.delete_room(call.room)
    return []


async def end_job(world: World, step: Step) -> list[str]:
    call = victim(world, step)
    call.wanted = False
    await world.callers.say(call.room, "end")
    return []


FAULTS: dict[FaultKind, Fault] = {
    "kill child": kill_child,
    "kill idle child": kill_idle_child,
    "kill template": kill_template,
    "kill daemon": kill_daemon,
    "kill daemon, spoil its journal": kill_daemon_and_journal,
    "kill daemon and a child": kill_daemon_and_child,
    "stop child for a moment": stop_child,
    "stop child for good": stop_child_for_good,
    "stop daemon for a moment": stop_daemon,
    "block child": block_child,
    "exit in a job": exit_in_job,
    "hog memory": hog_memory,
    "cut the link": cut_link,
    "fill the disk": fill_disk,
    "dispatch while the daemon is down": dispatch_while_down,
    "caller hangs up": hang_up,
    "caller ends the job": end_job,
    "restart livekit-server": restart_server,
}


# -- parts -----------------------------------------------------------------------------------


def victim(world: World, step: Step) -> Call:
    """The call that the step is about."""
    living = [call for call in world.calls if call.wanted]
    return living[int(step.chance * len(living)) % len(living)]


def everyone(world: World) -> list[str]:
    """All rooms with a caller."""
    return [call.room for call in world.calls if call.wanted]


def signal_job(world: World, call: Call, number: signal.Signals) -> int:
    """Send the job's process a signal; returns its pid."""
    pid = world.pids_of_jobs()[call.room]
    send(pid, number)
    return pid


async def has_ended(pid: int, timeout: float) -> bool:
    """Whether a process is gone within so many seconds."""
    try:
        await asyncio.to_thread(psutil.Process(pid).wait, timeout)
    except psutil.TimeoutExpired:
        return False
    except psutil.NoSuchProcess:
        return True
    return True


async def must_end(pid: int, step: Step) -> None:
    """Wait until a process is gone, as the daemon has promised."""
    if not await has_ended(pid, REPLACED_WITHIN):
        raise AssertionError(f"after '{step.kind}': {pid} lives on after {REPLACED_WITHIN:g} s")


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
