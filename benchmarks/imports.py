"""How long the template takes before it can fork."""

from __future__ import annotations

from .bench import Bench
from .figures import Figure, median
from .rig import Plan, Samples, run_rig


async def measure(bench: Bench) -> list[Figure]:
    """From the template's spawn to its word that it is ready."""
    figures: list[Figure] = []
    for heavy in (False, True):
        starts = [await _start(bench, heavy=heavy) for _ in range(bench.samples(5, 2))]
        app = "voice app" if heavy else "trivial app"
        own = median([start.import_seconds for start in starts])
        figures.append(
            Figure(
                name=f"template ready, {app}, p50",
                unit="ms",
                ours=1e3 * median([start.start_seconds for start in starts]),
                note=f"{1e3 * own:.0f} ms of it the app and its libraries, n={len(starts)}",
            )
        )
    return figures


async def _start(bench: Bench, *, heavy: bool) -> Samples:
    return await run_rig(bench, Plan(folder=str(bench.new_folder())), heavy=heavy)
