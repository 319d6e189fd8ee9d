"""What follows from a template, or a pool, that failed too often."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from msgspec import structs

from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import ChildView, TreeView
from agentd.supervisor.keeper import HEALTHY_AFTER
from agentd.supervisor.snapshot import PoolView

logger = logging.getLogger("agentd.daemon")

MARGIN = 0.1
"""Seconds after which what has just been healthy for long enough is seen to be so."""


class Obstacles(Protocol):
    """The pool, as far as the template matters to it."""

    def note_obstacle(self, why: str) -> None: ...


class TemplateFailing:
    """Tells the pool while the template is failing, and the log when it is well again."""

    def __init__(self, tree: Supervisor, pool: Obstacles) -> None:
        self._tree = tree
        self._pool = pool
        self._obstacle = ""
        self._failing = False
        self._timer: asyncio.TimerHandle | None = None
        tree.subscribe(self._look)

    def _look(self) -> None:
        template = find_child(self._tree.view(), "template")
        if template is None:
            return
        is_failing = template.state == "failed"
        self._failing = self._failing or is_failing
        self._tell_pool(f"the template fails: {template.last_error}" if is_failing else "")
        if template.state != "running":
            self._disarm()
        elif self._failing and self._timer is None:
            if template.failures:
                rest = max(0.0, HEALTHY_AFTER - template.since) + MARGIN
                self._timer = asyncio.get_running_loop().call_later(rest, self._look_again)
            else:
                self._failing = False
                logger.info(
                    "the template stays up again",
                    extra={"action": "recovered", "offender": "template"},
                )

    def _look_again(self) -> None:
        self._timer = None
        self._look()

    def _tell_pool(self, why: str) -> None:
        if why != self._obstacle:
            self._obstacle = why
            self._pool.note_obstacle(why)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def find_child(view: TreeView, child_id: str) -> ChildView | None:
    """A child of a supervisor by its id."""
    return next((child for child in view.children if child.id == child_id), None)


def show_failing(view: TreeView, pool: PoolView) -> TreeView:
    """The tree with its pool shown as failing when its children are: they are not in the tree."""
    if not pool.failing or not pool.last_error:
        return view
    children = tuple(
        structs.replace(
            child, state="failed", failures=max(1, pool.failures), last_error=pool.last_error
        )
        if child.id == "pool"
        else child
        for child in view.children
    )
    return structs.replace(view, children=children)
