"""A worker process under measurement: agentd's daemon, or livekit-agents'."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from msgspec import Struct

from .bench import Bench
from .marks import Marks

APP = Path(__file__).with_name("app.py")
START_TIMEOUT = 40.0
STOP_TIMEOUT = 15.0
REGISTERED = ("link_registered", "registered worker")


class Variant(Struct, frozen=True, kw_only=True):
    """Which worker, and how it is set."""

    name: str
    sdk: str = "agentd"
    idle: int = 4
    slots: int = 16
    heavy: bool = False
    no_load: bool = False
    """livekit-agents only: report a load of 0 in place of the CPU's."""
    app: Path = APP
    """The script, which runs in either's environment."""


AGENTD = Variant(name="agentd")
PEER_WORKER = Variant(name="livekit-agents", sdk="livekit.agents", no_load=True)


class Worker:
    """A running worker, registered and with its warm children; from `running`."""

    def __init__(
        self, variant: Variant, agent: str, process: asyncio.subprocess.Process, marks: Marks
    ) -> None:
        self.variant = variant
        self.agent = agent
        """The name to dispatch to."""
        self.marks = marks
        self.records: list[dict[str, Any]] = []
        """Its log."""
        self.registered = asyncio.Event()
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def processes(self) -> list[psutil.Process]:
        """All its processes, itself first."""
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def warm_pids(self) -> list[int]:
        """Its warm children, as long as no job has come."""
        return sorted({mark.pid for mark in self.marks.seen if mark.what == "warm"})

    async def read_log(self) -> None:
        """Take in its log until it ends."""
        stream = self._process.stdout
        assert stream is not None
        async for line in stream:
            try:
                record = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError:
                continue  # a line that was printed
            self.records.append(record)
            if record.get("action") in REGISTERED or record.get("message") in REGISTERED:
                self.registered.set()

    async def wait_ready(self) -> None:
        """Raises RuntimeError with the end of its log if it does not come up."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self.registered.wait()
        except TimeoutError:
            raise RuntimeError(
                f"{self.variant.name} did not register: {self.records[-5:]}"
            ) from None
        if not await self.marks.wait_count("warm", self.variant.idle, START_TIMEOUT):
            raise RuntimeError(f"{self.variant.name} has no warm children: {self.records[-5:]}")

    async def stop(self) -> None:
        """Ask it to end, then see to it that none of its processes is left."""
        family = self.processes() if self._process.returncode is None else []
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        left = [process for process in family if process.is_running()]
        for process in left:
            _kill(process)
        await self._process.wait()


@asynccontextmanager
async def running(bench: Bench, variant: Variant) -> AsyncIterator[Worker]:
    """Start a worker, wait until it is ready, and end it."""
    folder = bench.new_folder()
    agent = f"{variant.name}-{folder.name}"
    async with Marks(folder / "marks") as marks:
        with (folder / "stderr").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *_command(bench, variant),
                env=_environment(bench, variant, agent, folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT if variant.sdk != "agentd" else errors,
                start_new_session=True,
            )
        worker = Worker(variant, agent, process, marks)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.read_log())
            try:
                await worker.wait_ready()
                yield worker
            finally:
                await worker.stop()


def _command(bench: Bench, variant: Variant) -> list[str]:
    python = sys.executable if variant.sdk == "agentd" else str(bench.peer)
    return [python, str(variant.app), "start"]


def _environment(bench: Bench, variant: Variant, agent: str, folder: Path) -> dict[str, str]:
    environment = os.environ | {
        "LIVEKIT_URL": bench.server.url,
        "LIVEKIT_API_KEY": bench.server.api_key,
        "LIVEKIT_API_SECRET": bench.server.api_secret,
        "BENCH_SDK": variant.sdk,
        "BENCH_AGENT": agent,
        "BENCH_MARKS": str(folder / "marks"),
        "BENCH_IDLE": str(variant.idle),
        "PYTHONPATH": str(APP.parents[1]),  # scripts share modules of this package
        "AGENTD_NUM_IDLE_PROCESSES": str(variant.idle),
        "AGENTD_MAX_JOBS": str(variant.slots),
        "AGENTD_PORT": "0",
        "AGENTD_STATE_DIR": str(folder / "state"),
        "AGENTD_RUNTIME_DIR": str(folder / "run"),
    }
    if variant.heavy:
        environment["BENCH_HEAVY"] = "1"
    if variant.no_load:
        environment["BENCH_NO_LOAD"] = "1"
    return environment


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
