"""What may be asked of a supervisor by hand: add, terminate, restart, delete, hurry.

OTP's `start_child`, `terminate_child`, `restart_child`, `delete_child` with the same answers; pure.
`hurry` is ours, since OTP has no backoff that could be cut short.
"""

from __future__ import annotations

from agentd.errors import SupervisionError

from .child import Child, IfStartFails, Phase
from .machine import Machine
from .policy import RestartPolicy
from .spec import ChildSpec

DOWN = (Phase.FINISHED, Phase.TERMINATED)


def find(machine: Machine, child_id: str) -> Child:
    """The child with this id; raises SupervisionError if there is none."""
    for child in machine.children:
        if child.id == child_id:
            return child
    known = ", ".join(child.id for child in machine.children) or "none"
    raise SupervisionError(f"{machine.spec.name!r} has no child {child_id!r}; it has: {known}")


def add(machine: Machine, spec: ChildSpec, now: float) -> Child:
    """Take a child and start it, after all others; it is not kept if that fails."""
    _refuse_while_ending(machine)
    machine.spec.check(spec)
    if any(child.id == spec.id for child in machine.children):
        raise SupervisionError(f"{machine.spec.name!r} has a child {spec.id!r} already")
    return machine.append(spec, IfStartFails.REMOVE, now)


def terminate(machine: Machine, child_id: str, now: float) -> Child:
    """Stop a child, or give up its restart; its spec is kept, unless it is temporary."""
    child = find(machine, child_id)
    coming = child.if_start_fails is IfStartFails.REMOVE
    gone = coming or child.spec.restart is RestartPolicy.TEMPORARY
    machine.doom(child, Phase.REMOVED if gone else Phase.TERMINATED, now)
    return child


def restart(machine: Machine, child_id: str, now: float) -> Child:
    """Start a child that is down for good; it stays down if that fails."""
    _refuse_while_ending(machine)
    child = find(machine, child_id)
    _refuse_unless_down(child, "restarted")
    child.start_error = None
    child.if_start_fails = IfStartFails.LEAVE
    child.due_at = now
    child.enter(Phase.WAITING, now)
    return child


def delete(machine: Machine, child_id: str) -> None:
    """Forget a child that is down for good."""
    child = find(machine, child_id)
    _refuse_unless_down(child, "deleted")
    machine.children.remove(child)


def hurry(machine: Machine, child_id: str, now: float) -> None:
    """Start a child now that waits for its backoff to end; nothing if it does not wait."""
    child = find(machine, child_id)
    if child.phase is Phase.WAITING:
        child.due_at = now


def _refuse_while_ending(machine: Machine) -> None:
    if machine.ending is not None:
        raise SupervisionError(f"{machine.spec.name!r} is stopping: it starts no child any more")


def _refuse_unless_down(child: Child, wish: str) -> None:
    if child.phase not in DOWN:
        raise SupervisionError(
            f"child {child.id!r} is {child.phase.value}: terminate it before it is {wish}"
        )
