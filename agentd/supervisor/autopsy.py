"""Looks at each child that ended as it should not have, and hands the report on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agentd.aio.timing import now

from .cgroup import ROOT
from .exit import ExitReason
from .health import Chart
from .oom import OomCounter, OomEvidence, judge_oom, killed_by_another
from .postmortem import Deceased, PostMortem, log_post_mortem, make_post_mortem
from .process import Usage
from .recorder import FlightRecorder

OnPostMortem = Callable[[PostMortem], None]


def ignore(_record: PostMortem) -> None:
    """For who wants the log line only."""


class Autopsies:
    """Makes post-mortems. Reads the kernel's count of memory kills once when it is made, and
    again after each SIGKILL that was not ours."""

    def __init__(
        self, limit_mb: int, on_post_mortem: OnPostMortem = ignore, root: Path = ROOT
    ) -> None:
        self.limit_mb = limit_mb
        """Our own limit of a child's memory, 0 for none."""
        self._on_post_mortem = on_post_mortem
        self._counter = OomCounter(root)

    def hold(
        self,
        who: Deceased,
        reason: ExitReason,
        recorder: FlightRecorder,
        usage: Usage | None,
        chart: Chart | None,
    ) -> PostMortem:
        """Report one end: a line in the log, and all of it to whoever keeps such things."""
        record = make_post_mortem(
            who,
            reason,
            recorder.recording(now()),
            oom=self._judge(reason, chart),
            usage=usage,
            stacks="" if chart is None else chart.stacks,
        )
        log_post_mortem(record)
        self._on_post_mortem(record)
        return record

    def _judge(self, reason: ExitReason, chart: Chart | None) -> OomEvidence:
        memory_mb = None if chart is None else chart.memory.last_mb
        over = chart is not None and chart.over_limit
        if not killed_by_another(reason.status, reason.kind == "killed"):
            return judge_oom(
                over_our_limit=over,
                kernel_kills=None,
                memory_mb=memory_mb,
                limit_mb=self.limit_mb if over else None,
            )
        limits = [self.limit_mb or None, self._counter.smallest_limit_mb()]
        return judge_oom(
            over_our_limit=over,
            kernel_kills=self._counter.new_kills(now()),
            memory_mb=memory_mb,
            limit_mb=min((limit for limit in limits if limit is not None), default=None),
        )
