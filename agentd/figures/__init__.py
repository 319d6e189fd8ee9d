"""What happens in this process, counted and measured for the daemon's metrics.

`count` and `observe` are called wherever something happens; they cost about a microsecond and
never wait. In a child what has come is sent to the supervisor now and then; in the supervisor it
is added to what the children have sent, and stays. Knows neither processes nor Prometheus.
"""

from __future__ import annotations

from .tally import Taken, Tally, count, here, observe

__all__ = ["Taken", "Tally", "count", "here", "observe"]
