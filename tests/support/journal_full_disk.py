"""Fills the disk under a journal and makes room again; prints what the journal did.

Needs a private mount namespace (`unshare -rm`): it mounts a disk of a MiB or two.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path

from agentd.journal.journal import Journal
from agentd.journal.records import Query
from agentd.protocol.ids import JobId
from agentd.settings.model import JournalSettings

JOB = JobId("AJ_1")
RECOVERY_TIMEOUT = 20.0


class Actions(logging.Handler):
    """Collects what is logged, and tells when the disk is used again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.seen: list[str] = []
        self.recovered = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        action = record.__dict__["action"]
        self.seen.append(action)
        if action == "journal_recovered":
            self._loop.call_soon_threadsafe(self.recovered.set)


def fill(ballast: Path) -> None:
    """Take every byte that is left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def mount(*arguments: str) -> None:
    """Call mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


async def full(disk: Path, actions: Actions) -> dict[str, object]:
    """Full in the middle of things, then free again."""
    path = disk / "journal.db"
    async with Journal.open(path, JournalSettings()) as journal:
        journal.record_job(JOB, "running", room="lobby")
        before = await journal.flush()
        fill(disk / "ballast")
        for number in range(300):
            journal.record_event("big", "x" * 10_000, fields={"number": number})
        journal.record_snapshot(JOB, 1, b"history" * 1000)
        during = await journal.flush()
        known = [job.id for job in await journal.unfinished_jobs()]
        (disk / "ballast").unlink()
        mount("-o", "remount,size=16m", str(disk))
        async with asyncio.timeout(RECOVERY_TIMEOUT):
            await actions.recovered.wait()
        after = await journal.flush()
    return await reopened(
        path, {"before": before, "during": during, "known": known, "after": after}
    )


async def read_only(disk: Path, actions: Actions) -> dict[str, object]:
    """Read-only from the start, with a job of the last run in the file."""
    path = disk / "journal.db"
    async with Journal.open(path, JournalSettings()) as journal:
        journal.record_job(JOB, "running", room="lobby")
        journal.record_snapshot(JOB, 1, b"history" * 1000)
    mount("-o", "remount,ro", str(disk))
    async with Journal.open(path, JournalSettings()) as journal:
        during = await journal.flush()
        known = [job.id for job in await journal.unfinished_jobs()]
        journal.record_event("big", "while it was read-only")
        mount("-o", "remount,rw", str(disk))
        async with asyncio.timeout(RECOVERY_TIMEOUT):
            await actions.recovered.wait()
        after = await journal.flush()
    return await reopened(path, {"before": True, "during": during, "known": known, "after": after})


async def reopened(path: Path, result: dict[str, object]) -> dict[str, object]:
    """What the next daemon finds."""
    async with Journal.open(path, JournalSettings()) as journal:
        snapshot = await journal.snapshot(JOB)
        events = await journal.events(Query(limit=1000))
        return result | {
            "jobs": [job.id for job in await journal.unfinished_jobs()],
            "snapshot": len(snapshot.data) if snapshot else 0,
            "events": len([event for event in events if event.kind == "big"]),
        }


async def main(what: str, disk: Path) -> None:
    """Run one of the two and print the result."""
    mount("-t", "tmpfs", "-o", "size=1m", "agentd", str(disk))
    actions = Actions(asyncio.get_running_loop())
    logging.getLogger("agentd.journal").addHandler(actions)
    result = await {"full": full, "read_only": read_only}[what](disk, actions)
    sys.stdout.write(json.dumps(result | {"actions": actions.seen}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
