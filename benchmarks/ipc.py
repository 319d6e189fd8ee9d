"""A frame to a real child and its answer."""

from __future__ import annotations

from .bench import Bench
from .figures import Figure, median, spread
from .rig import Plan, run_rig


async def measure(bench: Bench) -> list[Figure]:
    """Ping to Pong through both event loops."""
    plan = Plan(folder=str(bench.new_folder()), pings=bench.samples(2200, 550))
    samples = await run_rig(bench, plan, heavy=False)
    micros = [1e6 * seconds for seconds in samples.ping]
    return [
        Figure(
            name="IPC round trip, p50",
            unit="µs",
            ours=median(micros),
            aim=100.0,
            note=spread(micros, "µs"),
        )
    ]
