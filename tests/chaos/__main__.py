"""`python -m tests.chaos`: a storm of faults over a real daemon; `make chaos`.

CHAOS_SECONDS (600) and CHAOS_SEED (drawn, and printed) set it. The report goes to
build/chaos.json and to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .storm import run_storm, say, show

OUTPUT = Path("build/chaos.json")
DISK_MB = 8


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """A disk of a few MB at a path, for the fault that fills it."""
    path.mkdir(mode=0o700)
    options = f"size={DISK_MB}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "agentd-chaos", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "600"))
    )
    seed = os.environ.get("CHAOS_SEED") or str(secrets.randbelow(10**6))
    parser.add_argument("--seed", type=int, default=int(seed))
    options = parser.parse_args()
    say(f"seed {options.seed}, {options.seconds:g} s")
    root = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    with small_disk(root / "state"):
        try:
            report = asyncio.run(
                run_storm(
                    root,
                    seed=options.seed,
                    seconds=options.seconds,
                    steps=0,
                    state=root / "state",
                )
            )
        except AssertionError as error:
            print(f"chaos: broken: {error}", file=sys.stderr)  # noqa: T201
            return 1
    text = show(report)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(text)
    print(text)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
