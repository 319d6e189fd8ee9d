"""`agentd` as an operator types it, against the daemon of a test."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from .daemon import DEADLINE, Daemon, plain_environment


class Ran(NamedTuple):
    """How a command went."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it wrote with `--json`."""
        return json.loads(self.out)


async def agentd(daemon: Daemon, *arguments: str) -> Ran:
    """Run `agentd ARGUMENTS` with the daemon's directories, until it ends."""
    async with typed(daemon, *arguments) as process, asyncio.timeout(DEADLINE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def typed(daemon: Daemon, *arguments: str) -> AsyncIterator[Process]:
    """`agentd ARGUMENTS`, as long as the block; its pipes can be read meanwhile."""
    places = {
        "AGENTD_STATE_DIR": str(daemon.root / "state"),
        "AGENTD_RUNTIME_DIR": str(daemon.root / "run"),
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "agentd", *arguments),
        cwd=daemon.root,
        env=plain_environment() | places,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
