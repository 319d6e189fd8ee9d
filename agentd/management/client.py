"""Asks a running daemon over its control socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from agentd.errors import ControlError, ControlRefused, NoDaemon
from agentd.protocol.ids import JobId
from agentd.settings.model import LogLevel
from agentd.supervision.view import TreeView

from .answers import HANDLER_TIMEOUT
from .operations import (
    ConfigView,
    DispatchRequest,
    DispatchView,
    LogLevelRequest,
    LogLevelView,
    ResumeRequest,
    SimulateRequest,
    SimulationView,
    StacksRequest,
    StacksView,
    UndrainRequest,
)
from .routes import PREFIX, STREAM
from .views import (
    Accepted,
    ChildList,
    DrainRequest,
    DrainView,
    ErrorBody,
    ErrorText,
    EventEntry,
    EventPage,
    FeedEntry,
    FeedHello,
    JobDetails,
    JobPage,
    PostMortemPage,
    RecordsQuery,
    ReloadRequest,
    StatusView,
    StopRequest,
)

ANSWER_TIMEOUT = HANDLER_TIMEOUT + 2.0
"""Seconds for a whole answer: the daemon itself gives up earlier, and says so."""

EVENTS_PATH = "/events"

EVENTS_SILENCE_TIMEOUT = 40.0
"""Seconds between two words of /events, where the status comes every 15 s."""

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message: the status of a daemon with ten thousand slots."""

SILENCE_TIMEOUT = 10.0
"""Seconds between two lines of a stream, which come every second."""

FeedMessage = FeedHello | StatusView | FeedEntry

FEED_KINDS: Mapping[str, type[FeedMessage]] = {
    "hello": FeedHello,
    "status": StatusView,
    "event": FeedEntry,
}

OTHER_VERSION = (
    "it is of another version than this command; ask with the agentd that it was started with, "
    "or restart it with this one"
)

BodyT = TypeVar("BodyT", bound=Struct)


class ControlClient:
    """One daemon's control API. `async with` opens and closes it.

    Every method raises NoDaemon when nobody listens, ControlRefused for what the daemon does
    not do, else ControlError.
    """

    def __init__(self, path: Path, *, timeout: float = ANSWER_TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ControlClient:
        self._session = aiohttp.ClientSession(
            "http://agentd",
            connector=aiohttp.UnixConnector(path=str(self._path)),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- looking -----------------------------------------------------------------------

    async def status(self) -> StatusView:
        """The daemon at this moment."""
        return await self._get("/status", StatusView)

    async def tree(self) -> TreeView:
        """Its supervision tree at this moment."""
        return await self._get("/tree", TreeView)

    async def jobs(self, limit: int, before: JobId | None = None) -> JobPage:
        """A page of jobs, newest first."""
        query = {"limit": str(limit)} | ({} if before is None else {"before": before})
        return await self._get("/jobs", JobPage, query)

    async def job(self, job_id: JobId) -> JobDetails:
        """One job with its history."""
        return await self._get(f"/jobs/{quote(job_id, safe='')}", JobDetails)

    async def metrics(self) -> str:
        """Its figures, in Prometheus' text format."""
        text = (await self._request("GET", "/metrics", under="")).decode(errors="replace")
        if "\n# TYPE agentd_" not in text:
            raise ControlError(
                f"the daemon on '{self._path}' answered with something else than figures: "
                f"{OTHER_VERSION}"
            )
        return text

    async def children(self) -> ChildList:
        """Its children at this moment."""
        return await self._get("/children", ChildList)

    async def events(self, query: RecordsQuery) -> EventPage:
        """A page of what happened, newest first."""
        return await self._get("/events", EventPage, _asked(query))

    async def post_mortems(self, query: RecordsQuery) -> PostMortemPage:
        """A page of why children died, newest first."""
        return await self._get("/post_mortems", PostMortemPage, _asked(query))

    async def config(self) -> ConfigView:
        """The settings that it runs with."""
        return await self._get("/config", ConfigView)

    @asynccontextmanager
    async def watch_drain(self) -> AsyncIterator[AsyncIterator[DrainView]]:
        """How a drain goes on, until the last job has ended or the daemon has."""
        limits = aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=SILENCE_TIMEOUT)
        with self._told():
            answer = await self._open().get(
                f"{PREFIX}/drain", headers={"Accept": STREAM}, timeout=limits
            )
        async with answer:
            await self._check(answer)
            yield self._drain_lines(answer)

    @asynccontextmanager
    async def watch_events(self) -> AsyncIterator[AsyncIterator[EventEntry]]:
        """What happens from now on, until the daemon ends.

        Entered when the daemon has begun to tell: what the journal has not by then, comes here.
        """
        async with self._feed() as messages:
            await anext(messages, None)  # its hello
            yield self._decoded(messages, {"event": EventEntry})

    @asynccontextmanager
    async def watch_feed(self, after: str = "") -> AsyncIterator[AsyncIterator[FeedMessage]]:
        """How the daemon is whenever that changes, and what happens, until it ends.

        `after`: the id of the last entry that is known, so that none is missed.
        """
        async with self._feed(after) as messages:
            yield self._decoded(messages, FEED_KINDS)

    @asynccontextmanager
    async def _feed(self, after: str = "") -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
        limits = aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=EVENTS_SILENCE_TIMEOUT)
        headers = {"Last-Event-ID": after} if after else {}
        with self._told():
            answer = await self._open().get(
                EVENTS_PATH, timeout=limits, headers=headers, read_bufsize=MAX_MESSAGE
            )
        async with answer:
            await self._check(answer)
            yield self._messages(answer)

    async def _decoded(
        self, messages: AsyncIterator[tuple[str, bytes]], kinds: Mapping[str, type[BodyT]]
    ) -> AsyncIterator[BodyT]:
        async for kind, data in messages:
            if kind in kinds:  # a newer daemon may have more
                yield self._decode(data, kinds[kind])

    async def _messages(self, answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, bytes]]:
        """Server-sent events: their kind and data, which is one line."""
        kind, data = "", b""
        while True:
            try:
                line = await answer.content.readuntil(b"\n")
            except TimeoutError as error:
                raise self._silent(EVENTS_SILENCE_TIMEOUT) from error
            except (aiohttp.ClientError, OSError, ValueError):
                return  # it has ended, and not in good order
            if not line.endswith(b"\n"):
                return
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if name == b"event":
                kind = value.decode()
            elif name == b"data":
                data = value
            elif not name and data:
                yield kind, data
                kind, data = "", b""

    async def _drain_lines(self, answer: aiohttp.ClientResponse) -> AsyncIterator[DrainView]:
        while True:
            try:
                line = await answer.content.readuntil(b"\n")
            except TimeoutError as error:
                raise self._silent(SILENCE_TIMEOUT) from error
            except (aiohttp.ClientError, OSError, ValueError):
                return  # it has ended, and not in good order; what it said last stands
            if not line.endswith(b"\n"):
                return
            yield self._decode(line, DrainView)

    # -- steering ----------------------------------------------------------------------

    async def drain(self, reason: str = "") -> None:
        """Take no new job, let those that run end, then end the daemon."""
        await self._post("/drain", DrainRequest(reason=reason))

    async def reload(self, *, swap: bool = False) -> None:
        """Import the app anew, for new jobs; `swap`: for those that run, too."""
        await self._post("/reload", ReloadRequest(swap=swap))

    async def stop_job(self, job_id: JobId, reason: str = "") -> None:
        """Ask a job to shut down."""
        await self._post(f"/jobs/{quote(job_id, safe='')}/stop", StopRequest(reason=reason))

    async def undrain(self, reason: str = "") -> None:
        """Take a drain back."""
        await self._post("/undrain", UndrainRequest(reason=reason))

    async def resume_job(self, job_id: JobId, reason: str = "") -> None:
        """Move a job into another child."""
        path = f"/jobs/{quote(job_id, safe='')}/resume"
        await self._post(path, ResumeRequest(reason=reason))

    async def dispatch(self, request: DispatchRequest) -> DispatchView:
        """Have LiveKit send an agent to a room."""
        return await self._send("POST", "/dispatch", request, DispatchView)

    async def simulate(self, request: SimulateRequest) -> SimulationView:
        """Run a job without LiveKit."""
        return await self._send("POST", "/simulate", request, SimulationView)

    async def set_log_level(self, level: LogLevel) -> LogLevelView:
        """Have it write this much from now on."""
        return await self._send("PUT", "/log_level", LogLevelRequest(level=level), LogLevelView)

    async def stacks(self, request: StacksRequest) -> StacksView:
        """Where its processes are at this moment."""
        return await self._send("POST", "/stacks", request, StacksView)

    # -- asking ------------------------------------------------------------------------

    async def _get(
        self, path: str, kind: type[BodyT], query: dict[str, str] | None = None
    ) -> BodyT:
        return self._decode(await self._request("GET", path, query=query), kind)

    async def _post(self, path: str, body: Struct) -> None:
        await self._send("POST", path, body, Accepted)

    async def _send(self, method: str, path: str, body: Struct, kind: type[BodyT]) -> BodyT:
        return self._decode(await self._request(method, path, body=body), kind)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Struct | None = None,
        under: str = PREFIX,
    ) -> bytes:
        sent = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if sent else {}
        # The path is quoted already, and must not be unquoted on the way.
        url = URL(f"{under}{path}", encoded=True)
        with self._told():
            async with self._open().request(
                method, url, params=query, data=sent, headers=headers
            ) as answer:
                await self._check(answer)
                return await answer.read()

    async def _check(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status < 400:
            return
        error = self._decode(await answer.read(), ErrorBody).error
        if _is_unknown(error, answer.url.path):
            raise ControlError(
                f"the daemon on '{self._path}' does not know this request ({error.message}): "
                f"{OTHER_VERSION}"
            )
        raise ControlRefused(error.message, code=error.code)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ControlError("the client is not open")
        return self._session

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Foreign errors become ours, with what they mean here."""
        try:
            yield
        except TimeoutError as error:
            raise self._silent(self._timeout) from error
        except aiohttp.ClientConnectorError as error:
            raise NoDaemon(f"no daemon listens on '{self._path}': {error.strerror}") from error
        except aiohttp.ClientError as error:
            raise ControlError(f"the daemon on '{self._path}' broke off: {error}") from error

    def _silent(self, seconds: float) -> ControlError:
        return ControlError(
            f"the daemon on '{self._path}' runs, but said nothing for {seconds:g} s: it is "
            "stopped or its loop is blocked, its log may say by what"
        )

    def _decode(self, body: bytes, kind: type[BodyT]) -> BodyT:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise ControlError(
                f"the daemon on '{self._path}' answered with something else than "
                f"{kind.__name__} ({error}): {OTHER_VERSION}"
            ) from error


def _asked(query: RecordsQuery) -> dict[str, str]:
    """What differs from the defaults."""
    given = msgspec.to_builtins(query)
    defaults = msgspec.to_builtins(RecordsQuery())
    return {name: str(value) for name, value in given.items() if value != defaults[name]}


def _is_unknown(error: ErrorText, path: str) -> bool:
    """Whether the daemon has no such request, or not with all that is in it."""
    if error.code == "bad_request":
        return "unknown field" in error.message
    return error.code == "method_not_allowed" or error.message == f"there is no {path}"
