"""A machine of its own under a real systemd: private namespaces of this one, no container engine.

    with booted() as machine:
        machine.run("systemctl", "start", "agentd")

It shares the network and the files of this machine, but whatever it writes to /etc, /usr, /var,
/opt and /run is its own and gone with it. Needs root, unshare, nsenter, overlayfs and systemd;
`why_not()` says what is missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

BOOT = Path(__file__).with_name("machine_boot.sh")
SYSTEMD = Path("/lib/systemd/systemd")
TOOLS = ("unshare", "nsenter", "systemctl", "journalctl")
UNSHARE = ("unshare", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child")

BOOT_TIMEOUT = 20.0
COMMAND_TIMEOUT = 40.0
DEADLINE = 30.0


def why_not() -> str:
    """What keeps a machine from being booted here; empty when nothing does."""
    if os.geteuid() != 0:
        return "not root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not SYSTEMD.exists():
        missing.append(str(SYSTEMD))
    if missing:
        return f"no {', '.join(missing)}: apt-get install systemd util-linux"
    script = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && mount -t overlay overlay -o "
    script += "lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc && mount -t cgroup2 none /mnt"
    tried = subprocess.run(
        [*UNSHARE, "sh", "-c", f"mount --make-rprivate / && {script}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT,
    )
    return f"namespaces can't be had here: {tried.stderr.strip()}" if tried.returncode else ""


class Machine:
    """One that runs. What is run on it sees its processes, files and systemd."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        """Of its systemd, as seen from here."""

    def inside(self, *command: str) -> list[str]:
        """The command that runs another one there."""
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-C", "-u", "-i", "--", *command]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command to its end; returns what it has written to both outputs."""
        done = subprocess.run(
            self.inside(*command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n" + (
            f"{done.stdout}\n{self.journal()}"
        )
        return done.stdout

    async def arun(self, *command: str, check: bool = True) -> str:
        """The same without holding up this process's loop."""
        return await asyncio.to_thread(self.run, *command, check=check)

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        wanted = [f"--property={name}" for name in names]
        lines = self.run("systemctl", "show", unit, *wanted).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def main_pid(self, unit: str) -> int:
        """Of a service, as numbered there."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def processes(self, unit: str) -> list[int]:
        """All that are in a unit's control group, as numbered there."""
        group = self.show(unit, "ControlGroup")["ControlGroup"]
        text = self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs", check=False) if group else ""
        return [int(word) for word in text.split() if word.isdecimal()]

    async def until(self, so: Callable[[], bool], what: str) -> None:
        """Wait until something is so; looked at again and again, for systemd tells nobody here."""
        give_up_at = time.monotonic() + DEADLINE
        while not await asyncio.to_thread(so):
            assert time.monotonic() < give_up_at, f"no {what}:\n{self.journal()}"
            await asyncio.sleep(0.05)

    async def until_state(self, unit: str, state: str) -> None:
        """Wait until a unit is active, or failed, or whatever."""
        wanted = {"ActiveState": state}
        await self.until(lambda: self.show(unit, "ActiveState") == wanted, f"{unit} {state}")

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Make a file there."""
        seen = Path(f"/proc/{self.pid}/root{path}")
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_text(text)
        seen.chmod(mode)

    def journal(self) -> str:
        """All that the journal has, for whoever reads why a test has failed."""
        done = subprocess.run(
            self.inside("journalctl", "--no-pager", "-o", "short-precise"),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
        return done.stdout[-20_000:]

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Records]:
        """The journal's records since the boot, and those that come, for the length of a block."""
        process = await asyncio.create_subprocess_exec(
            *self.inside("journalctl", "--follow", "--lines=all", "--output=json"),
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        records = Records(self, process)
        try:
            yield records
        finally:
            await records.aclose()


class Records:
    """What the journal is told, as it comes."""

    def __init__(self, machine: Machine, process: asyncio.subprocess.Process) -> None:
        self._machine = machine
        self._process = process
        self.all: list[dict[str, Any]] = []
        self._arrived = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def wait_for(self, *, since: int = 0, **fields: str) -> dict[str, Any]:
        """The first record with these fields, from number `since` on."""
        try:
            async with asyncio.timeout(DEADLINE), self._arrived:
                await self._arrived.wait_for(lambda: bool(self.seen(since=since, **fields)))
        except TimeoutError:
            journal = await asyncio.to_thread(self._machine.journal)
            raise AssertionError(f"no {fields} in {DEADLINE:g} s:\n{journal}") from None
        return self.seen(since=since, **fields)[0]

    def seen(self, *, since: int = 0, **fields: str) -> list[dict[str, Any]]:
        """Those with these fields so far."""
        return [record for record in self.all[since:] if fields.items() <= record.items()]

    async def aclose(self) -> None:
        """Follow no longer."""
        for process in psutil.Process(self._process.pid).children(recursive=True):
            process.kill()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if not line.endswith(b"\n"):
                return  # it was ended in the middle of one
            async with self._arrived:
                self.all.append(json.loads(line))
                self._arrived.notify_all()


@contextmanager
def booted() -> Iterator[Machine]:
    """A machine for the length of a block."""
    holder = subprocess.Popen(
        [*UNSHARE, "--mount-proc", "bash", str(BOOT)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    manager = None
    try:
        manager = _wait_booted(holder)
        yield Machine(manager)
    finally:
        if manager is not None:
            psutil.Process(manager).kill()
        holder.kill()
        holder.communicate()


def _wait_booted(holder: subprocess.Popen[bytes]) -> int:
    give_up_at = time.monotonic() + BOOT_TIMEOUT
    while time.monotonic() < give_up_at and holder.poll() is None:
        children = psutil.Process(holder.pid).children()
        if children and _is_up(children[0].pid):
            return children[0].pid
        time.sleep(0.05)
    holder.kill()
    said = holder.communicate()[0].decode(errors="replace")
    raise AssertionError(f"systemd did not start: {said}")


def _is_up(pid: int) -> bool:
    asked = Machine(pid).inside("systemctl", "is-system-running")
    done = subprocess.run(asked, capture_output=True, check=False, timeout=COMMAND_TIMEOUT)
    return done.stdout.strip() in (b"running", b"degraded")
