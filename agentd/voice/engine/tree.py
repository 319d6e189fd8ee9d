"""The supervision tree of a session: what runs as long as it does, and what follows a failure.

A part that fails is started anew under backoff; what the conversation is made of lives outside.
Streams of single agents (`stt`) come and go as children beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from agentd.supervision.intensity import Intensity
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded, SupervisorSpec
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import task_child

Run = Callable[[], Coroutine[Any, Any, None]]

NAME = "session"

QUICKLY = BackoffSettings(base=0.05, cap=5.0)
"""A caller waits: the first restarts come at once."""


def make_tree(*, mouth: Run, ears: Run, eyes: Run, watchdog: Run | None) -> Supervisor:
    """The supervisor of a session's own parts.

    Without a mouth there is no session, so one that keeps failing ends it. Without ears the user
    can still write, and without eyes speak: they are tried again, ever more slowly.
    """
    children = [
        _child("mouth", mouth, OnExceeded.ESCALATE),
        _child("ears", ears, OnExceeded.COOL_DOWN),
        _child("eyes", eyes, OnExceeded.COOL_DOWN),
    ]
    if watchdog is not None:
        children.append(_child("watchdog", watchdog, OnExceeded.COOL_DOWN))
    return Supervisor(
        SupervisorSpec(
            name=NAME,
            children=tuple(children),
            intensity=Intensity(restarts=5, period=10.0),
        )
    )


def _child(id: str, run: Run, on_exceeded: OnExceeded) -> ChildSpec:
    return ChildSpec(
        id=id,
        start=task_child(run, name=id),
        shutdown=1.0,
        backoff=QUICKLY,
        on_exceeded=on_exceeded,
    )
