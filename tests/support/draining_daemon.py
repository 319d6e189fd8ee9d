"""A daemon of one job, told over standard input how its drain goes; ends when that is over."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from msgspec.structs import replace

from agentd.management.control_server import ControlServer
from agentd.management.views import DrainView
from tests.support.controls import ScriptedControls


class DrainingControls(ScriptedControls):
    """Begins a drain with nine seconds left."""

    def drain(self, reason: str) -> None:
        self.show_drain(DrainView(draining=True, reason=reason, jobs_left=1, seconds_left=9.0))


async def main(path: Path) -> None:
    """Serve; `overrun` lets the drain timeout pass, `finish` ends the last job."""
    controls = DrainingControls()
    loop = asyncio.get_running_loop()
    async with ControlServer(path, controls):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            command = await loop.run_in_executor(None, sys.stdin.readline)
            drain = controls.shown.drain
            if command == "overrun\n":
                controls.show_drain(replace(drain, ending=True, seconds_left=0.0))
            else:
                controls.show_drain(replace(drain, jobs_left=0))
                return


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
