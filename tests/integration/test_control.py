"""The control API over a real Unix socket: what it shows, what it takes, what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
import uvloop
from aiohttp import web
from msgspec.structs import replace

from agentd.aio.timing import now, within
from agentd.errors import AlreadyRunning, ControlError, ControlRefused, NoDaemon
from agentd.ipc import listener
from agentd.management import answers, control, control_server
from agentd.management.client import ControlClient
from agentd.management.control_server import ControlServer
from agentd.management.views import DrainView
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobView
from tests.support.controls import (
    STATUS,
    TOKEN,
    TREE,
    ScriptedControls,
    full_record,
    history_of,
)

SOON = 20.0
JSON = {"Content-Type": "application/json"}
API = "http://agentd/api/v1"


@pytest.fixture
def path(workdir: Path) -> Path:
    return workdir / "control.sock"


@pytest.fixture
def controls() -> ScriptedControls:
    return ScriptedControls()


@pytest.fixture
async def client(path: Path, controls: ScriptedControls) -> AsyncIterator[ControlClient]:
    """Our own client, connected to a served script."""
    async with ControlServer(path, controls), ControlClient(path) as client:
        yield client


@pytest.fixture
async def raw(path: Path, controls: ScriptedControls) -> AsyncIterator[aiohttp.ClientSession]:
    """Any client at all."""
    connector = aiohttp.UnixConnector(path=str(path))
    async with ControlServer(path, controls), aiohttp.ClientSession(connector=connector) as raw:
        yield raw


# -- looking -------------------------------------------------------------------------


async def test_the_status_comes_as_it_was_given(client: ControlClient) -> None:
    """Every field survives the way."""
    assert await client.status() == STATUS


async def test_the_tree_comes_as_it_was_given(client: ControlClient) -> None:
    """Nested supervisors too."""
    assert await client.tree() == TREE


async def test_jobs_come_in_pages(client: ControlClient, controls: ScriptedControls) -> None:
    """Newest first; each page says how to ask for the next, the last one that there is none."""
    controls.keep(*(full_record(f"AJ_{n}") for n in range(3)))

    first = await client.jobs(2)
    last = await client.jobs(2, JobId(first.before))

    assert [job.id for job in first.jobs] == ["AJ_2", "AJ_1"]
    assert [job.id for job in last.jobs] == ["AJ_0"]
    assert last.before == ""


async def test_a_job_comes_with_its_history_in_order(
    client: ControlClient, controls: ScriptedControls
) -> None:
    """Events from the first to the last, then why its children died."""
    controls.keep(full_record())
    controls.store.write(history_of("AJ_1"))

    details = await client.job(JobId("AJ_1"))

    assert (details.job.room, details.job.pid, details.job.resumes) == ("lobby", 4711, 1)
    assert [event.kind for event in details.events] == ["job_assigned", "child_failed"]
    assert details.events[1].fields == {"signal": 9, "next": {"in": 0.5}}
    assert "line 7 in wait" in details.post_mortems[0].fields["stacks"]


@pytest.mark.parametrize("job_id", ["AJ_9", "a/b", "../status", "ä ?&%2F"])
async def test_an_unknown_job_is_said_to_be_unknown(client: ControlClient, job_id: str) -> None:
    """Whatever letters are in its name."""
    with pytest.raises(ControlRefused, match="knows no job") as refused:
        await client.job(JobId(job_id))

    assert refused.value.code == "not_found"


@pytest.mark.parametrize("url", ["status", "tree", "jobs", "jobs/AJ_1", "jobs/AJ_2", "jobs/AJ_3"])
async def test_no_answer_holds_a_secret(
    raw: aiohttp.ClientSession, controls: ScriptedControls, url: str
) -> None:
    """The journal's assignments hold tokens; they never leave it."""
    controls.keep(full_record("AJ_1"), full_record("AJ_2", ended=True))
    controls.store.write(history_of("AJ_1"))

    async with raw.get(f"{API}/{url}") as answer:
        text = await answer.text()

    assert len(text) > 20
    assert TOKEN not in text
    assert "assignment" not in text.replace("assignment_", "")


# -- steering ------------------------------------------------------------------------


async def test_what_is_asked_reaches_the_daemon(
    client: ControlClient, controls: ScriptedControls
) -> None:
    """With its reason, or a stated one."""
    await client.reload()
    await client.reload(swap=True)
    await client.drain("new release")
    await client.stop_job(JobId("AJ_1"))
    await client.drain("new release")

    assert controls.asked == [
        ("reload",),
        ("reload", "swap"),
        ("drain", "new release"),
        ("stop", "AJ_1", "stopped by the operator"),
        ("drain", "new release"),
    ]


async def test_a_job_that_does_not_run_can_not_be_stopped(client: ControlClient) -> None:
    """It is said, not ignored."""
    with pytest.raises(ControlRefused, match="no job 'AJ_9' runs here"):
        await client.stop_job(JobId("AJ_9"))


# -- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "url", "sent", "status", "code"),
    [
        ("GET", "/api/v1/nothing", {}, 404, "not_found"),
        ("GET", "/", {}, 404, "not_found"),
        ("DELETE", "/api/v1/status", {}, 405, "method_not_allowed"),
        ("GET", "/api/v1/reload", {}, 405, "method_not_allowed"),
        ("GET", "/api/v1/jobs?limit=0", {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs?limit=501", {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs?limit=ten", {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs?limit=²", {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs?limit=" + "9" * 5000, {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs?before=" + "x" * 201, {}, 400, "bad_request"),
        ("GET", "/api/v1/jobs/%00", {}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"data": "{}"}, 415, "unsupported_media_type"),
        ("POST", "/api/v1/drain", {"data": {"reason": "form"}}, 415, "unsupported_media_type"),
        ("POST", "/api/v1/drain", {"data": b"", "headers": JSON}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"data": b"{", "headers": JSON}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"data": b"[]", "headers": JSON}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"json": {"reason": 7}}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"json": {"reson": "x"}}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"json": {"reason": "x" * 201}}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"json": {"reason": "a\nb"}}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"data": b"\xff\xfe{}", "headers": JSON}, 400, "bad_request"),
        ("POST", "/api/v1/drain", {"data": b" " * 70_000, "headers": JSON}, 413, "too_large"),
        ("POST", "/api/v1/reload", {"json": {"x": 1}}, 400, "bad_request"),
    ],
)
async def test_what_can_not_be_used_is_refused_and_does_nothing(
    raw: aiohttp.ClientSession,
    controls: ScriptedControls,
    method: str,
    url: str,
    sent: dict[str, Any],
    status: int,
    code: str,
) -> None:
    """One form of error for everything, with a proper status."""
    async with raw.request(method, f"http://agentd{url}", **sent) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]
    assert controls.asked == []


async def test_a_method_that_is_not_taken_names_those_that_are(raw: aiohttp.ClientSession) -> None:
    """As HTTP wants it."""
    async with raw.delete(f"{API}/drain") as answer:
        assert set(answer.headers["Allow"].split(",")) >= {"GET", "POST"}


async def test_a_body_that_never_ends_has_a_deadline(
    path: Path, raw: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stops half-way holds nothing up."""
    monkeypatch.setattr(answers, "HANDLER_TIMEOUT", 0.2)
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(
        b"POST /api/v1/drain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"reason": "'
    )

    line = await within(now() + SOON, reader.readline())

    assert b"504" in line
    writer.close()


async def test_a_journal_that_hangs_has_a_deadline(
    client: ControlClient, controls: ScriptedControls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says so."""
    monkeypatch.setattr(answers, "HANDLER_TIMEOUT", 0.2)
    controls.hangs.clear()

    with pytest.raises(ControlRefused, match="no answer within 0.2 s"):
        await client.jobs(1)


async def test_a_fault_of_ours_is_told_without_its_text(
    raw: aiohttp.ClientSession,
    controls: ScriptedControls,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The traceback is for the log: there may be anything in it."""

    def fail() -> NoReturn:
        raise KeyError("tree of the daemon")

    monkeypatch.setattr(controls, "tree", fail)

    async with raw.get(f"{API}/tree") as answer:
        text = await answer.text()

    assert answer.status == 500
    assert json.loads(text)["error"]["code"] == "internal"
    assert "tree of the daemon" not in text
    assert "tree of the daemon" in caplog.text


# -- who may ask ---------------------------------------------------------------------


async def test_only_our_user_can_open_the_socket(client: ControlClient, path: Path) -> None:
    """By the file's mode."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_another_user_is_refused(
    client: ControlClient,
    controls: ScriptedControls,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the kernel's word, should the mode have been changed; the log says who it was."""
    stranger = listener.Peer(pid=99, uid=os.getuid() + 1, gid=1)
    monkeypatch.setattr(control_server, "peer_of", lambda _: stranger)

    with pytest.raises(ControlRefused, match="only root") as refused:
        await client.drain()

    assert refused.value.code == "forbidden"
    assert controls.asked == []
    assert [record.__dict__["peer_uid"] for record in caplog.records] == [os.getuid() + 1]


async def test_root_may_ask(client: ControlClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could do anything anyway."""
    root = listener.Peer(pid=99, uid=0, gid=0)
    monkeypatch.setattr(control_server, "peer_of", lambda _: root)

    assert await client.status() == STATUS


# -- the server's life ---------------------------------------------------------------


async def test_a_socket_that_a_dead_daemon_left_is_replaced(
    path: Path, controls: ScriptedControls
) -> None:
    """It was killed and could not tidy up."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()

    async with ControlServer(path, controls), ControlClient(path) as client:
        assert await client.status() == STATUS


async def test_a_living_daemon_keeps_its_socket(path: Path, controls: ScriptedControls) -> None:
    """The second one is refused, the first serves on."""
    async with ControlServer(path, controls), ControlClient(path) as client:
        with pytest.raises(AlreadyRunning):
            await ControlServer(path, ScriptedControls()).__aenter__()

        assert await client.status() == STATUS


async def test_nothing_is_left_when_it_closes(path: Path, controls: ScriptedControls) -> None:
    """No file, and nobody who listens."""
    async with ControlServer(path, controls):
        pass

    assert not path.exists()
    async with ControlClient(path) as client:
        with pytest.raises(NoDaemon):
            await client.status()


async def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(path: Path) -> None:
    """It may be stopped: the kernel still takes connections for it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()

        async with ControlClient(path, timeout=0.2) as client:
            with pytest.raises(ControlError, match=r"said nothing for 0\.2 s"):
                await client.status()


async def test_a_daemon_of_another_version_is_told_as_such(path: Path) -> None:
    """Not as a traceback."""
    app = web.Application()
    app.router.add_get("/api/v1/status", old_status)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()

    async with ControlClient(path) as client:
        with pytest.raises(ControlError, match="of another version"):
            await client.status()

    await runner.cleanup()


async def old_status(_: web.Request) -> web.Response:
    """What an older daemon might say."""
    return web.json_response({"version": "0.0.1"})


def test_it_serves_on_the_daemons_own_loop(path: Path, controls: ScriptedControls) -> None:
    """uvloop has its own sockets and its own word of who is on the other side."""

    async def look() -> bool:
        async with ControlServer(path, controls), ControlClient(path) as client:
            return await client.status() == STATUS

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(look())


# -- watching a drain ----------------------------------------------------------------


def left(count: int) -> DrainView:
    """A drain with so many jobs left."""
    return DrainView(draining=True, reason="test", jobs_left=count, seconds_left=9.0)


async def test_a_drain_is_watched_until_the_last_job_has_ended(
    client: ControlClient, controls: ScriptedControls
) -> None:
    """A line for how it stands, and for each change."""
    async with asyncio.timeout(SOON), client.watch_drain() as views:
        seen = [await anext(views)]
        for count in (2, 1, 0):
            controls.show_drain(left(count))
            seen.append(await anext(views))
        rest = [view async for view in views]

    assert [view.jobs_left for view in seen] == [0, 2, 1, 0]
    assert [view.done for view in seen] == [False, False, False, True]
    assert rest == []


async def test_a_stream_repeats_itself_while_nothing_happens(
    client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the seconds left are right, and a dead daemon is told from a quiet one."""
    monkeypatch.setattr(control, "WATCH_INTERVAL", 0.02)

    async with asyncio.timeout(SOON), client.watch_drain() as views:
        assert [await anext(views) for _ in range(3)] == [DrainView()] * 3


async def test_a_client_that_goes_away_ends_its_stream(
    client: ControlClient, controls: ScriptedControls
) -> None:
    """Nobody is called for it any more."""
    async with client.watch_drain() as views:
        await within(now() + SOON, anext(views))
        assert controls.watchers == 1

    await within(now() + SOON, controls.left.wait())
    assert controls.watchers == 0


async def test_a_client_that_reads_nothing_is_dropped(
    raw: aiohttp.ClientSession,
    path: Path,
    controls: ScriptedControls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stopped `agentd drain` costs the daemon neither memory nor a place."""
    monkeypatch.setattr(control, "WRITE_TIMEOUT", 0.2)
    monkeypatch.setattr(control, "WATCH_INTERVAL", 0.001)
    controls.shown = replace(STATUS, drain=replace(left(1), reason="x" * 100_000))
    _, writer = await asyncio.open_unix_connection(str(path), limit=1)
    writer.write(b"GET /api/v1/drain HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n")

    await within(now() + SOON, controls.left.wait())

    assert controls.watchers == 0
    writer.transport.abort()


async def test_only_so_many_may_watch(
    client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is told so."""
    monkeypatch.setattr(control, "MAX_WATCHERS", 1)

    async with client.watch_drain() as views:
        await within(now() + SOON, anext(views))

        with pytest.raises(ControlRefused, match="others watch already"):
            async with client.watch_drain():
                pass


async def test_a_server_that_closes_ends_its_streams_in_good_order(
    path: Path, controls: ScriptedControls
) -> None:
    """What is left is said once more, and nothing is waited for."""
    jobs = tuple(JobView(id=f"AJ_{n}", room="r", state="running", age=1.0) for n in range(3))
    controls.shown = replace(STATUS, jobs=jobs, drain=left(3))
    server = ControlServer(path, controls)
    await server.__aenter__()

    async with ControlClient(path) as client, client.watch_drain() as views:
        await within(now() + SOON, anext(views))
        closing = asyncio.get_running_loop().create_task(server.__aexit__())
        rest = [view async for view in views]

    assert [view.jobs_left for view in rest] == [3]
    await within(now() + SOON, closing)
