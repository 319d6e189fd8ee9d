"""A real daemon in a process of its own: its lines as they come, signals, its end, nothing left.

    async with running_daemon(root, "start", server=server) as daemon:
        await daemon.wait_for(action="ready")

Whatever a test did, leaving the block ends the daemon and every process that descends
from it, and checks what holds for every run: no process outlives the daemon, no secret
is written, no fault of ours is reported.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
from livekit import api, rtc

from agentd.testing.livekit_server import LiveKitServer

DEADLINE = 30.0
"""Seconds that a test waits for something to happen."""

ENDING_TIMEOUT = 3.0
"""Seconds for processes that were killed as the daemon ended to be gone."""

MARK = "AGENTD_TEST_DAEMON"
"""Every process of one daemon has it in its environment, also when its parent is dead."""

APP = Path(__file__).with_name("daemon_app.py")
LINE_LIMIT = 1024 * 1024

Line = Mapping[str, Any]


class Daemon:
    """One run of `agentd`."""

    def __init__(self, process: Process, root: Path, mark: str, agent_name: str) -> None:
        self.root = root
        self.agent_name = agent_name
        self.lines: list[Line] = []
        """What standard output had so far; a line that is no JSON has only `text`."""
        self.errors = ""
        """What standard error had so far."""
        self._process = process
        self._mark = mark
        self._arrived = asyncio.Condition()
        self._open_pipes = 2
        self._reading = [
            asyncio.create_task(self._read_output()),
            asyncio.create_task(self._read_errors()),
        ]

    # -- what it says ----------------------------------------------------------------

    async def wait_for(self, *, since: int = 0, **fields: object) -> Line:
        """The first line with these fields, from number `since` on; raises with the output."""
        await self._wait_until(lambda: bool(self.seen(since=since, **fields)), fields)
        return self.seen(since=since, **fields)[0]

    async def wait_for_count(self, count: int, **fields: object) -> None:
        """Wait until that many lines have these fields; raises with the output."""
        await self._wait_until(
            lambda: len(self.seen(since=0, **fields)) >= count, {"count": count, **fields}
        )

    def seen(self, *, since: int = 0, **fields: object) -> list[Line]:
        """All lines so far with these fields, from number `since` on."""
        return [line for line in self.lines[since:] if fields.items() <= line.items()]

    def printed(self, job: object) -> list[str]:
        """What a job has printed so far."""
        return [line["message"] for line in self.seen(name="agentd.output", job=job)]

    def output(self) -> str:
        """Everything that it wrote so far."""
        return "\n".join([*map(json.dumps, self.lines), self.errors])

    async def wait_ready(self) -> Line:
        """Wait until jobs can come."""
        return await self.wait_for(action="ready")

    # -- what is done to it ------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal if one ended it."""
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon's own process a signal."""
        self._process.send_signal(number)

    async def wait_exit(self, timeout: float = DEADLINE) -> int:
        """Wait for its end and the rest of its output; returns the exit code."""
        try:
            async with asyncio.timeout(timeout):
                code = await self._process.wait()
                await asyncio.wait(self._reading)
        except TimeoutError:
            raise AssertionError(f"it did not end within {timeout:g} s:\n{self.output()}") from None
        return code

    async def crash(self) -> None:
        """Kill the daemon's own process; its children live on."""
        self.signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop, as systemd does; returns the exit code."""
        self.signal(signal.SIGTERM)
        return await self.wait_exit()

    def processes(self) -> list[psutil.Process]:
        """All living processes that descend from it, and itself."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def children(self) -> list[psutil.Process]:
        """All living processes that descend from it."""
        return [process for process in self.processes() if process.pid != self.pid]

    async def left(self) -> list[str]:
        """What is left of it a moment after its end."""
        _, alive = await asyncio.to_thread(psutil.wait_procs, self.processes(), ENDING_TIMEOUT)
        return [f"{process.pid} {' '.join(process.cmdline())[:200]}" for process in alive]

    async def aclose(self) -> None:
        """End what still lives of it, by force."""
        for process in self.processes():
            kill(process)
        await self.wait_exit()

    def faults(self) -> list[str]:
        """What must not be in the output of any run, whatever was asked of it."""
        signs = ("never retrieved", "never awaited", "Exception ignored", "was destroyed but")
        return [
            *(json.dumps(line) for line in self.seen(action="task_failed")),
            *(line for line in self.output().splitlines() if any(sign in line for sign in signs)),
        ]

    # -- inside --------------------------------------------------------------------------

    async def _wait_until(self, come: Callable[[], bool], what: object) -> None:
        try:
            async with asyncio.timeout(DEADLINE), self._arrived:
                await self._arrived.wait_for(lambda: come() or not self._open_pipes)
        except TimeoutError:
            raise AssertionError(f"no {what} in {DEADLINE:g} s:\n{self.output()}") from None
        if not come():
            raise AssertionError(f"it ended without {what}:\n{self.output()}")

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            dead = process.status() == psutil.STATUS_ZOMBIE
            return not dead and process.environ().get(MARK) == self._mark
        except (psutil.Error, OSError):  # somebody else's, or just ended
            return False

    async def _read_output(self) -> None:
        assert self._process.stdout is not None
        async for data in self._process.stdout:
            await self._take(parse(data))
        self._open_pipes -= 1
        await self._take(None)

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        async for data in self._process.stderr:
            self.errors += data.decode()
        self._open_pipes -= 1
        await self._take(None)

    async def _take(self, line: Line | None) -> None:
        async with self._arrived:
            if line is not None:
                self.lines.append(line)
            self._arrived.notify_all()


def parse(data: bytes) -> Line:
    """A line of output."""
    text = data.decode().rstrip("\n")
    try:
        line: Line = json.loads(text)
    except ValueError:
        return {"text": text}
    return line


def kill(process: psutil.Process) -> None:
    """End a process, which may just have ended by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def plain_environment() -> dict[str, str]:
    """Ours, without what would reach the daemon's settings.

    And without names of certificates, which each process would read when it starts: on
    loopback nothing is encrypted.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AGENTD_", "LIVEKIT_", "XDG_", "TEST_", "SSL_CERT_"))
    }


async def start_daemon(
    root: Path,
    *arguments: str,
    server: LiveKitServer | None = None,
    command: tuple[str, ...] = ("-m", "agentd"),
    environ: Mapping[str, str] | None = None,
    agent_name: str = "",
) -> Daemon:
    """Start `agentd ARGUMENTS` in `root` with directories of its own below it.

    Jobs come to an agent name of its own, so that daemons can share a server; a daemon that
    takes over from another one is given the name of that.
    """
    mark = uuid.uuid4().hex
    agent_name = agent_name or f"agent-{mark[:8]}"
    access = {
        "AGENTD_AGENT_NAME": agent_name,
        "AGENTD_STATE_DIR": str(root / "state"),
        "AGENTD_RUNTIME_DIR": str(root / "run"),
        "AGENTD_PORT": "0",
        MARK: mark,
    }
    if server is not None:
        access |= {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *arguments,
        cwd=root,
        env=plain_environment() | access | dict(environ or {}),
        stdout=PIPE,
        stderr=PIPE,
        limit=LINE_LIMIT,
        start_new_session=True,
    )
    return Daemon(process, root, mark, agent_name)


@asynccontextmanager
async def running_daemon(
    root: Path,
    *arguments: str,
    server: LiveKitServer | None = None,
    command: tuple[str, ...] = ("-m", "agentd"),
    environ: Mapping[str, str] | None = None,
    agent_name: str = "",
) -> AsyncIterator[Daemon]:
    """A daemon for the length of a block; see `start_daemon` and the module's docstring."""
    daemon = await start_daemon(
        root,
        *arguments,
        server=server,
        command=command,
        environ=environ,
        agent_name=agent_name,
    )
    try:
        yield daemon
        left = await daemon.left() if daemon.exit_code is not None else []
    except Exception as error:
        error.add_note(f"what the daemon {daemon.pid} said:\n{daemon.output()}")
        raise
    finally:
        await daemon.aclose()
    assert left == [], f"outlived the daemon: {left}\n{daemon.output()}"
    assert daemon.faults() == []
    if server is not None:
        assert server.api_secret not in daemon.output(), "a secret was written"


def write_app(root: Path, text: str | None = None) -> Path:
    """The app to run, by default the one whose jobs do what their metadata says."""
    path = root / "app.py"
    if text is None:
        shutil.copy(APP, path)
    else:
        path.write_text(text)
    return path


# -- the other side: callers, and what the server thinks -------------------------------


class Named(Protocol):
    """A daemon, as far as callers know it."""

    @property
    def agent_name(self) -> str: ...


class Callers:
    """Dispatches jobs, joins rooms, and reads what the server made of it."""

    def __init__(self, server: LiveKitServer, client: api.LiveKitAPI) -> None:
        self.client = client
        self._server = server
        self._rooms: list[rtc.Room] = []

    async def dispatch(self, daemon: Named, task: str, *, room: str = "") -> api.AgentDispatch:
        """Have a job made for the daemon's agent, in a room of its own."""
        request = api.CreateAgentDispatchRequest(
            agent_name=daemon.agent_name, room=room or f"room-{uuid.uuid4().hex[:8]}", metadata=task
        )
        return await self.client.agent_dispatch.create_dispatch(request)

    async def job(self, daemon: Daemon, task: str) -> Line:
        """The line that says that a job for this was assigned; it has `job` and `room`."""
        dispatch = await self.dispatch(daemon, task)
        return await daemon.wait_for(action="job_assigned", room=dispatch.room)

    async def holding(self, daemon: Daemon) -> Line:
        """A job that is in its room and stays there."""
        line = await self.job(daemon, "hold")
        await daemon.wait_for(job=line["job"], message="holding")
        return line

    async def join(self, room_name: str) -> rtc.Room:
        """Be in a room until the test is over."""
        room = rtc.Room()
        grants = api.VideoGrants(room_join=True, room=room_name)
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        identity = f"caller-{uuid.uuid4().hex[:8]}"
        jwt = token.with_identity(identity).with_grants(grants).to_jwt()
        await room.connect(self._server.url, jwt)
        self._rooms.append(room)
        return room

    async def say(self, room_name: str, text: str) -> None:
        """Tell an agent something through its room's connection.

        As the room's metadata: data packets are lost until the agent's data channel is open,
        a moment after it has joined.
        """
        request = api.UpdateRoomMetadataRequest(room=room_name, metadata=text)
        await self.client.room.update_room_metadata(request)

    async def delete_room(self, room_name: str) -> None:
        await self.client.room.delete_room(api.DeleteRoomRequest(room=room_name))

    async def known_to_server(self, daemon: Daemon, room_name: str) -> None:
        """Wait until the server has written down which job its dispatch has become.

        Some seconds after the job began: until then it waits for other workers' answers.
        """
        async with asyncio.timeout(DEADLINE):
            while True:
                dispatches = await self.client.agent_dispatch.list_dispatch(room_name)
                ours = [each for each in dispatches if each.agent_name == daemon.agent_name]
                if ours and ours[0].state.jobs:
                    return
                await asyncio.sleep(0.2)

    async def verdict(self, job: object) -> tuple[str, str]:
        """The status and error that the server has for a job that is over.

        Its API never shows them and it sends no event, so this reads its log until then.
        """
        entry = await self.server_line(f'"jobID": "{job}"', "\tjob ended\t")
        ended = json.loads(entry.split("\t")[-1])
        return ended["status"], ended["error"]

    async def server_line(self, *words: str) -> str:
        """Wait until a line of the server's log has all of these words."""
        async with asyncio.timeout(DEADLINE):
            while True:
                for entry in self._server.log_path.read_text().splitlines():
                    if all(word in entry for word in words):
                        return entry
                await asyncio.sleep(0.05)

    async def aclose(self) -> None:
        for room in self._rooms:
            await room.disconnect()


@asynccontextmanager
async def callers_of(server: LiveKitServer) -> AsyncIterator[Callers]:
    """Callers of a server for the length of a block."""
    http_url = server.url.replace("ws", "http", 1)
    async with api.LiveKitAPI(http_url, server.api_key, server.api_secret) as client:
        callers = Callers(server, client)
        try:
            yield callers
        finally:
            await callers.aclose()
