"""Writes to a journal until it is killed, and says what it was told is on disk."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from agentd.journal.journal import Journal
from agentd.protocol.ids import JobId
from agentd.settings.model import JournalSettings


async def main(path: Path) -> None:
    """A job with its snapshot and a hundred events, then a flush, over and over."""
    async with Journal.open(path, JournalSettings()) as journal:
        for number in itertools.count(1):
            job = JobId(f"AJ_{number}")
            journal.record_job(job, "running", room="lobby")
            journal.record_snapshot(job, number, b"history" * 1000)
            for _ in range(100):
                journal.record_event("tick", f"of {job}", job=job)
            if await journal.flush():
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
