"""A LiveKit server that does on command what the real one does not: refuse, babble, fall silent.

It speaks the server's side of the agent protocol over a real socket. What it does by
itself (register, pong, offer, assign, terminate) is held to the real server's behaviour
by the contract in `link_contract.py`, which runs against both.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Literal, cast

from aiohttp import WSMsgType, web
from livekit.protocol import agent, models

Greeting = (
    int
    | Literal[
        "register",  # as the real server does
        "close",  # accept the WebSocket, then close it before registering
        "silent",  # accept the WebSocket, then say nothing
        "pong_first",  # a message of the protocol, but not the registration
        "garbage_first",  # bytes that are no message at all
        "no_answer",  # accept TCP, never answer the HTTP request
    ]
)
"""How a connection is received; a number is an HTTP status to refuse it with."""

DEADLINE = 20.0
"""Seconds that a test waits for something to happen."""

GARBAGE = b"\xff\xff\xff garbage"


class FakeWorker:
    """The server's end of one connection: what the worker said, and what to do to it."""

    def __init__(self, request: web.Request, websocket: web.WebSocketResponse) -> None:
        self.worker_id = f"AW_fake{id(self):x}"
        self.path = request.path
        self.headers = request.headers
        self.registration = agent.RegisterWorkerRequest()
        self.received: list[agent.WorkerMessage] = []
        self.answers_pings = True
        self.gone = asyncio.Event()
        self.close_code: int | None = None
        # uvloop's transports are asyncio's by behaviour only, so no isinstance.
        self._transport = cast("asyncio.Transport", request.transport)
        self._websocket = websocket
        self._arrived = asyncio.Condition()
        self._taken = 0
        self._jobs: dict[str, agent.Job] = {}

    # -- what the worker said ------------------------------------------------------

    async def next(self, kind: str) -> agent.WorkerMessage:
        """The next message of this kind that no call returned yet; others are passed by."""
        async with asyncio.timeout(DEADLINE), self._arrived:
            while True:
                while self._taken < len(self.received):
                    message = self.received[self._taken]
                    self._taken += 1
                    if message.WhichOneof("message") == kind:
                        return message
                await self._arrived.wait()

    def kinds(self) -> list[str | None]:
        """The kinds of all messages so far, in order."""
        return [message.WhichOneof("message") for message in self.received]

    # -- as the real server does ---------------------------------------------------

    def takes(self, agent_name: str) -> bool:
        """Whether it is a worker of that name that calls itself available."""
        reports = [m.update_worker for m in self.received if m.HasField("update_worker")]
        full = bool(reports) and reports[-1].status == agent.WS_FULL
        return self.registration.agent_name == agent_name and not full

    async def dispatch(self, job: agent.Job) -> bool:
        """Offer a job and assign it when the worker accepts; says whether it did."""
        job.state.status = agent.JS_RUNNING
        await self.send(agent.ServerMessage(availability=agent.AvailabilityRequest(job=job)))
        answer = (await self.next("availability")).availability
        if answer.available:
            self._jobs[job.id] = job
            assignment = agent.JobAssignment(job=job, token=f"token-of-{job.id}")
            await self.send(agent.ServerMessage(assignment=assignment))
        return answer.available

    async def terminate(self, job_id: str) -> None:
        """End a job that runs; does nothing for one whose end was reported."""
        if self._jobs.pop(job_id, None) is not None:
            termination = agent.JobTermination(job_id=job_id)
            await self.send(agent.ServerMessage(termination=termination))

    # -- what the real server won't do ---------------------------------------------

    async def send(self, message: agent.ServerMessage) -> None:
        """Send any message."""
        await self._websocket.send_bytes(message.SerializeToString())

    async def send_bytes(self, data: bytes) -> None:
        """Send any bytes as a binary message."""
        await self._websocket.send_bytes(data)

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        await self._websocket.send_str(text)

    async def close(self, code: int = 1000) -> None:
        """Close with a code."""
        await self._websocket.close(code=code)

    def abort(self) -> None:
        """Drop the TCP connection."""
        self._transport.abort()

    def write_raw(self, data: bytes) -> None:
        """Write bytes that are no WebSocket frame."""
        self._transport.write(data)

    def stop_reading(self) -> None:
        """Leave the socket open and unread, as a stuck or vanished machine does."""
        self._transport.pause_reading()

    # -- the connection ------------------------------------------------------------

    async def run(self) -> None:
        """Read until the connection ends."""
        async for frame in self._websocket:
            if frame.type is WSMsgType.BINARY:
                await self._take(agent.WorkerMessage.FromString(frame.data))

    async def _take(self, message: agent.WorkerMessage) -> None:
        match message.WhichOneof("message"):
            case "ping" if self.answers_pings:
                pong = agent.WorkerPong(last_timestamp=message.ping.timestamp)
                await self.send(agent.ServerMessage(pong=pong))
            case "update_job" if message.update_job.status in (agent.JS_SUCCESS, agent.JS_FAILED):
                self._jobs.pop(message.update_job.job_id, None)
        async with self._arrived:
            self.received.append(message)
            self._arrived.notify_all()

    def ended(self) -> None:
        """The connection is gone."""
        self.close_code = self._websocket.close_code
        self.gone.set()


class FakeLiveKit:
    """The server. `greetings` are used one a connection, the last one for all that follow."""

    api_key = "devkey"
    api_secret = "a-secret-for-the-fake-server-32b"

    def __init__(self, *greetings: Greeting) -> None:
        self._greetings: list[Greeting] = list(greetings) or ["register"]
        self._workers: asyncio.Queue[FakeWorker] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._open: list[FakeWorker] = []
        self._offers: set[asyncio.Task[bool]] = set()
        self._jobs = 0
        self._stopping = asyncio.Event()
        self.attempts = 0
        """Connections that came, however they were received."""
        self.port = 0

    @property
    def access(self) -> dict[str, str]:
        """What leads a daemon of one warm child here, as environment."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
            "AGENTD_NUM_IDLE_PROCESSES": "1",
        }

    @property
    def url(self) -> str:
        """Where workers find it."""
        return f"ws://127.0.0.1:{self.port}"

    async def next_worker(self) -> FakeWorker:
        """The next worker that registered."""
        async with asyncio.timeout(DEADLINE):
            return await self._workers.get()

    def dispatch(self, agent_name: str, room: str) -> str:
        """Offer a new job to a worker of that name with room for it; returns the dispatch's id."""
        worker = next(worker for worker in self._open if worker.takes(agent_name))
        self._jobs += 1
        job = make_job(f"AJ_{self._jobs}", room, agent_name)
        offer = asyncio.create_task(worker.dispatch(job))
        self._offers.add(offer)
        offer.add_done_callback(self._offers.discard)
        return job.dispatch_id

    async def delete_dispatch(self, dispatch_id: str) -> None:
        """Terminate the job of a dispatch."""
        for worker in self._open:
            await worker.terminate(dispatch_id.removeprefix("AD_of_"))

    async def __aenter__(self) -> FakeLiveKit:
        app = web.Application()
        app.router.add_get("/{prefix:.*}", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for offer in self._offers:
            offer.cancel()
        for worker in list(self._open):
            worker.abort()
        assert self._runner is not None
        await self._runner.cleanup()

    def _next_greeting(self) -> Greeting:
        self.attempts += 1
        return self._greetings.pop(0) if len(self._greetings) > 1 else self._greetings[0]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        greeting = self._next_greeting()
        if isinstance(greeting, int):
            return web.Response(status=greeting, text="no")
        if greeting == "no_answer":
            await self._stopping.wait()
            return web.Response(status=503)
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        worker = FakeWorker(request, websocket)
        self._open.append(worker)
        try:
            # A worker that goes away in between is what many tests are about.
            with contextlib.suppress(ConnectionError):
                await self._greet(greeting, worker)
        finally:
            self._open.remove(worker)
            worker.ended()
        return websocket

    async def _greet(self, greeting: Greeting, worker: FakeWorker) -> None:
        match greeting:
            case "close":
                await worker.close(1011)
            case "silent":
                await worker.run()
            case "pong_first":
                await worker.send(agent.ServerMessage(pong=agent.WorkerPong()))
                await worker.run()
            case "garbage_first":
                await worker.send_bytes(GARBAGE)
                await worker.run()
            case _:
                await self._register(worker)

    async def _register(self, worker: FakeWorker) -> None:
        reading = asyncio.create_task(worker.run())
        try:
            worker.registration = (await worker.next("register")).register
            info = models.ServerInfo(version="fake", agent_protocol=1, node_id="ND_fake")
            response = agent.RegisterWorkerResponse(worker_id=worker.worker_id, server_info=info)
            await worker.send(agent.ServerMessage(register=response))
            self._workers.put_nowait(worker)
            await reading
        finally:
            reading.cancel()


def make_job(job_id: str, room: str = "room", agent_name: str = "tester") -> agent.Job:
    """A job as the server offers it."""
    return agent.Job(
        id=job_id,
        dispatch_id=f"AD_of_{job_id}",
        type=agent.JT_ROOM,
        room=models.Room(sid=f"RM_{room}", name=room),
        agent_name=agent_name,
    )
