"""The real things: a server, a daemon and its successors, callers who listen."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import aiohttp
import psutil
from livekit import api
from livekit.protocol import models

from agentd.errors import AgentdError
from agentd.journal.journal import FILE_NAME
from agentd.journal.sqlite import SqliteStore
from agentd.management.client import ControlClient
from agentd.management.views import StatusView
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, Daemon, Line, callers_of, start_daemon
from tests.support.ear import Ear, listening
from tests.support.tcp_proxy import TcpProxy

from .oracle import CallSeen, Doubles, Seen, is_audible

AGENT = models.ParticipantInfo.AGENT
TONE = Path(__file__).parents[1] / "support" / "tone_app.py"
ENVIRONMENT = {
    "AGENTD_MAX_RESUMES": "1000",
    "AGENTD_HEARTBEAT_TIMEOUT": "3",
    "AGENTD_JOB_MEMORY_LIMIT_MB": "250",
    "AGENTD_MAX_JOBS": "10",
    "AGENTD_NUM_IDLE_PROCESSES": "2",
    "AGENTD_RETRY_MAX_DELAY": "2",
}


class Call:
    """One caller, the room, and the dispatch that was made for it."""

    def __init__(self, room: str, ear: Ear, stack: AsyncExitStack) -> None:
        self.room = room
        self.ear = ear
        self.wanted = True
        self._stack = stack

    async def hang_up(self) -> None:
        """The caller leaves."""
        self.wanted = False
        await self._stack.aclose()


class World:
    """Everything that a storm goes over."""

    def __init__(
        self, root: Path, state: Path, server: LiveKitServer, proxy: TcpProxy, callers: Callers
    ) -> None:
        self.server = server
        self.proxy = proxy
        self.callers = callers
        self.state = state
        self.calls: list[Call] = []
        self.daemons: list[Daemon] = []
        self.doubles = Doubles()
        self.disturbed_at = 0.0
        """When the latest fault was over."""
        self._root = root
        self._agent_name = f"chaos-{uuid.uuid4().hex[:8]}"

    @property
    def daemon(self) -> Daemon:
        """The one that runs, or ran last."""
        return self.daemons[-1]

    # -- daemons -------------------------------------------------------------------------

    async def start_daemon(self, *, wait: bool = True) -> None:
        """A daemon in the directories of those before."""
        access = {
            "LIVEKIT_URL": self.proxy.url,
            "LIVEKIT_API_KEY": self.server.api_key,
            "LIVEKIT_API_SECRET": self.server.api_secret,
            "AGENTD_STATE_DIR": str(self.state),
        }
        daemon = await start_daemon(
            self._root,
            "start",
            str(TONE),
            environ=ENVIRONMENT | access,
            agent_name=self._agent_name,
        )
        self.daemons.append(daemon)
        if wait:
            await daemon.wait_ready()

    async def status(self) -> StatusView:
        """What the daemon says of itself; raises AgentdError."""
        async with ControlClient(self._root / "run" / "control.sock") as client:
            return await client.status()

    def lines(self, **fields: object) -> list[Line]:
        """What any of the daemons has said."""
        lines = (line for daemon in self.daemons for line in daemon.lines)
        return [line for line in lines if fields.items() <= line.items()]

    # -- calls ---------------------------------------------------------------------------

    async def add_call(self) -> Call:
        """A caller in a room of its own, and a dispatch for it."""
        room = f"room-{uuid.uuid4().hex[:8]}"
        stack = AsyncExitStack()
        ear = await stack.enter_async_context(listening(self.server, room, "caller"))
        request = api.CreateAgentDispatchRequest(agent_name=self._agent_name, room=room)
        await self.callers.client.agent_dispatch.create_dispatch(request)
        call = Call(room, ear, stack)
        self.calls.append(call)
        return call

    def pids_of_jobs(self) -> dict[str, int]:
        """The process of each room's job, as far as the log tells; the latest."""
        pids: dict[str, int] = {}
        for line in self.lines(action="humming"):
            pids[line["room"]] = line["pid"]
        return pids

    # -- what is seen ----------------------------------------------------------------------

    async def look(self) -> Seen:
        """Everything at this moment; raises what can't be asked right now."""
        status = await self.status()
        pids = {child.pid for child in status.pool.children if child.pid is not None}
        known = {status.pid, *pids} | ({status.template.pid} if status.template.pid else set())
        calls = [await self._see(call) for call in self.calls]
        return Seen(
            calls=tuple(calls),
            known_pids=frozenset(pid for pid in known if pid),
            # Not in this loop, which notes when callers hear something.
            pids=await asyncio.to_thread(self._living),
            healthy=await self._is_healthy(),
        )

    def _living(self) -> frozenset[int]:
        """All processes of all daemons."""
        return frozenset(process.pid for one in self.daemons for process in one.processes())

    async def _see(self, call: Call) -> CallSeen:
        request = api.ListParticipantsRequest(room=call.room)
        try:
            found = await self.callers.client.room.list_participants(request)
        except api.TwirpError:
            there: list[models.ParticipantInfo] = []
        else:
            there = list(found.participants)
        agents = tuple(one.identity for one in there if one.kind == AGENT)
        at = time.monotonic()
        self.doubles.note(call.room, len(agents), at)
        ended = self.lines(action="job_ended", room=call.room)
        return CallSeen(
            room=call.room,
            wanted=call.wanted,
            agents=agents,
            audible=is_audible(call.ear.heard_at, at, self.disturbed_at),
            ending=str(ended[-1]["ending"]) if ended else "",
        )

    async def _is_healthy(self) -> bool:
        url = self.daemon.seen(action="http_listening")[0]["url"]
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200

    def usage(self) -> tuple[int, float]:
        """Open descriptors and private memory in MB of the daemon's own process."""
        process = psutil.Process(self.daemon.pid)
        return process.num_fds(), process.memory_full_info().uss / 1e6

    def unended_jobs(self) -> list[str]:
        """Jobs that neither the journal nor the log has the end of, once the daemon is gone."""
        told = {line["job"] for line in self.lines(action="job_ended")}
        assigned = {line["job"] for line in self.lines(action="job_assigned")}
        with closing(SqliteStore(self.state / FILE_NAME)) as store:
            open_jobs = {job.id for job in store.unfinished_jobs()}
        return sorted((assigned - told) | open_jobs)

    async def aclose(self) -> None:
        """End everything."""
        for call in self.calls:
            if call.wanted:
                await call.hang_up()
        for daemon in reversed(self.daemons):
            await daemon.aclose()


LOOK_ERRORS = (AgentdError, OSError, aiohttp.ClientError, TimeoutError, IndexError)
"""What asking a daemon gives while there is none."""


@asynccontextmanager
async def world(root: Path, state: Path) -> AsyncIterator[World]:
    """A server, a proxy before it, callers; no daemon yet."""
    with LiveKitServer(log_path=root / "livekit.log") as server:
        proxy = TcpProxy("127.0.0.1", server.ports.http)
        await proxy.start()
        async with callers_of(server) as callers:
            made = World(root, state, server, proxy, callers)
            try:
                yield made
            finally:
                await made.aclose()
                await proxy.aclose()
                await asyncio.sleep(0)
