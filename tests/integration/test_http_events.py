"""GET /events over real sockets: what is told, to whom again, and who is sent away."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import aiohttp
import pytest
import uvloop

from agentd.management import events_stream, feed
from agentd.management.control_server import ControlServer
from agentd.management.views import DrainView
from tests.support.http_client import Scripted, asking, happen, served

SOON = 20.0


class Message(NamedTuple):
    """One message of the stream."""

    kind: str
    id: str
    data: dict[str, Any]


class Stream:
    """What a reader is told."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.comments = 0

    async def next(self, kind: str = "") -> Message:
        """The next message, or the next one of a kind."""
        async with asyncio.timeout(SOON):
            while True:
                found = await self._next()
                if not kind or found.kind == kind:
                    return found

    async def _next(self) -> Message:
        fields: dict[str, str] = {}
        while True:
            line = (await self.answer.content.readuntil(b"\n")).decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return Message(fields["event"], fields.get("id", ""), json.loads(fields["data"]))


@asynccontextmanager
async def watching(scripted: Scripted, after: str = "", **headers: str) -> AsyncIterator[Stream]:
    """A reader for the length of a block."""
    query = {"after": after} if after else {}
    async with (
        asking(scripted) as session,
        session.get("/events", params=query, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        yield Stream(answer)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with served() as scripted:
        yield scripted


async def test_a_reader_is_greeted_and_told_the_status(scripted: Scripted) -> None:
    """Before anything happens."""
    async with watching(scripted) as stream:
        hello, status = await stream.next(), await stream.next()

    assert (hello.kind, hello.data["boot"]) == ("hello", scripted.feed.boot)
    assert (hello.data["replayed"], hello.data["missed"]) == (0, False)
    assert (status.kind, status.data["agent_name"]) == ("status", "clerk")
    assert stream.answer.content_type == "text/event-stream"
    assert stream.answer.headers["Cache-Control"] == "no-store"


async def test_what_happens_is_told_to_all_in_order(scripted: Scripted) -> None:
    """With the job, and with an id that counts."""
    async with watching(scripted) as one, watching(scripted) as other:
        await one.next("status")
        await other.next("status")
        for number in range(250):
            happen("job_turn", job=f"AJ_{number}")

        seen = [await one.next("event") for _ in range(250)]
        also = [await other.next("event") for _ in range(250)]

    assert [each.data["job"] for each in seen] == [f"AJ_{number}" for number in range(250)]
    assert seen == also
    assert [each.id for each in seen] == [f"{scripted.feed.boot}-{n}" for n in range(1, 251)]


async def test_what_happens_in_a_thread_is_told_too(scripted: Scripted) -> None:
    """The log comes from any."""
    async with watching(scripted) as stream:
        await stream.next("status")
        threads = [threading.Thread(target=happen, args=("from_a_thread",)) for _ in range(4)]
        for thread in threads:
            thread.start()

        seen = [(await stream.next("event")).data["kind"] for _ in threads]

        for thread in threads:
            thread.join()
    assert seen == ["from_a_thread"] * 4


@pytest.mark.parametrize("how", ["query", "header"])
async def test_a_reader_that_comes_again_is_told_what_it_missed(
    scripted: Scripted, how: str
) -> None:
    """By the id of the last message that it has."""
    for number in range(3):
        happen("one", n=number)
    after = f"{scripted.feed.boot}-1"
    headers = {"Last-Event-ID": after} if how == "header" else {}

    async with watching(scripted, after if how == "query" else "", **headers) as stream:
        hello = await stream.next()
        again = [(await stream.next("event")).data["fields"]["n"] for _ in range(2)]

    assert (hello.data["replayed"], hello.data["missed"]) == (2, False)
    assert again == [1, 2]


async def test_what_is_not_kept_any_more_is_said_to_be_missed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the reader goes on with the oldest that is; as one does of another start."""
    for _ in range(feed.RING_SIZE + 5):
        happen("one")

    for after in (f"{scripted.feed.boot}-2", "another-2"):
        async with watching(scripted, after) as stream:
            hello, first = await stream.next(), await stream.next("event")
        assert (hello.data["replayed"], hello.data["missed"]) == (feed.RING_SIZE, True)
        assert first.id == f"{scripted.feed.boot}-6"


async def test_the_status_is_told_when_it_changes_but_not_too_often(scripted: Scripted) -> None:
    """The last one counts."""
    async with watching(scripted) as stream:
        await stream.next("status")
        for left in range(100, -1, -1):
            scripted.controls.show_drain(DrainView(draining=True, jobs_left=left))

        told = [(await stream.next("status")).data["drain"]]
        while told[-1]["jobs_left"]:
            told.append((await stream.next("status")).data["drain"])

    assert len(told) <= 2


async def test_a_quiet_stream_is_kept_alive(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a comment, and the status again."""
    monkeypatch.setattr(feed, "KEEP_ALIVE", 0.05)

    async with watching(scripted) as stream:
        for _ in range(3):
            await stream.next("status")

    assert stream.comments >= 2


async def test_without_readers_nobody_is_asked(scripted: Scripted) -> None:
    """The daemon is not looked at for nobody."""
    assert scripted.controls.watchers == 0

    async with watching(scripted) as stream:
        await stream.next("status")
        assert scripted.controls.watchers == 1

    await asyncio.wait_for(scripted.controls.left.wait(), SOON)
    assert (scripted.controls.watchers, scripted.feed.view().readers) == (0, 0)


async def slow_reader(scripted: Scripted) -> socket.socket:
    """One that asks, and does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", scripted.port))
    await loop.sock_sendall(sock, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(SOON):
        while not scripted.feed.view().readers:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    return sock


async def dropped(scripted: Scripted) -> None:
    """Wait until a reader was dropped."""
    async with asyncio.timeout(SOON):
        while not scripted.feed.view().dropped:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_a_reader_that_does_not_read_is_dropped_and_counted(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After its time; the others do not wait for it."""
    monkeypatch.setattr(events_stream, "WRITE_TIMEOUT", 0.5)
    slow = await slow_reader(scripted)
    async with watching(scripted) as stream:
        await stream.next("status")
        for _ in range(200):
            happen("burst", text="x" * 10_000)
        await stream.next("event")

        await dropped(scripted)

        happen("after_it")
        while (await stream.next("event")).data["kind"] != "after_it":
            pass
    assert scripted.feed.view().dropped == 1
    assert "event_reader_dropped" in [each.__dict__["action"] for each in caplog.records]
    slow.close()


async def test_a_reader_whose_place_is_not_kept_is_too_slow(scripted: Scripted) -> None:
    """What is kept for all is all that is kept for one: nothing grows."""
    slow, quick = scripted.feed.join(""), scripted.feed.join("")
    for _ in range(feed.RING_SIZE + 1):
        happen("burst")
        scripted.feed.read(quick)

    with pytest.raises(feed.TooSlow):
        scripted.feed.read(slow)


async def test_only_so_many_may_watch(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is told to come again."""
    monkeypatch.setattr(feed, "MAX_READERS", 1)
    async with watching(scripted) as stream, asking(scripted) as session:
        await stream.next("status")
        answer = await session.get("/events")

        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_server_that_closes_ends_its_streams_in_good_order() -> None:
    """Readers see the last words and the end, not a broken connection."""
    async with asyncio.timeout(SOON), aiohttp.ClientSession() as session:
        async with served() as scripted:
            answer = await session.get(f"http://127.0.0.1:{scripted.port}/events")
            await Stream(answer).next("status")
            happen("stopped")
        assert b'"kind":"stopped"' in await answer.content.read()
        assert answer.content.at_eof()


async def test_a_status_that_fails_does_not_end_the_events(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so."""

    def fail() -> NoReturn:
        raise KeyError("x")

    monkeypatch.setattr(scripted.controls, "status", fail)
    async with watching(scripted) as stream:
        await stream.next("hello")
        happen("still")

        # That of the status is one too.
        kinds = [(await stream.next("event")).data["kind"] for _ in range(2)]

    assert "still" in kinds
    assert "feed_status_failed" in [each.__dict__["action"] for each in caplog.records]


async def test_the_control_socket_has_them_too(scripted: Scripted, workdir: Path) -> None:
    """For the commands of the same machine."""
    path = workdir / "control.sock"
    connector = aiohttp.UnixConnector(path=str(path))
    async with (
        ControlServer(path, scripted.controls, scripted.feed),
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://agentd/events") as answer,
    ):
        assert (await Stream(answer).next()).kind == "hello"


def test_it_streams_on_the_daemons_own_loop() -> None:
    """uvloop's transports have sockets of their own kind."""

    async def look() -> str:
        async with served() as scripted, watching(scripted) as stream:
            await stream.next("status")
            happen("one")
            return (await stream.next("event")).id

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(look()).endswith("-1")
