"""Helpers of asyncio, under the names that users of livekit-agents import.

agentd's own code has `agentd.aio`, whose queues are bounded and whose tasks have owners.
"""

from __future__ import annotations

from agentd.aio.tasks import cancel_and_wait

from . import itertools
from .chan import Chan, ChanClosed, ChanEmpty, ChanFull
from .debounce import Debounced, debounced
from .interval import Interval, interval
from .sleep import Sleep, SleepFinished, sleep
from .task_set import TaskSet
from .wait_group import WaitGroup

gracefully_cancel = cancel_and_wait

__all__ = [
    "Chan",
    "ChanClosed",
    "ChanEmpty",
    "ChanFull",
    "Debounced",
    "Interval",
    "Sleep",
    "SleepFinished",
    "TaskSet",
    "WaitGroup",
    "cancel_and_wait",
    "debounced",
    "gracefully_cancel",
    "interval",
    "itertools",
    "sleep",
]
