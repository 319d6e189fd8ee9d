"""Jobs from dispatch to outcome: one real daemon on the real livekit-server for all of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, Daemon, callers_of, running_daemon, write_app
from tests.support.daemon_app import MARKER

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(livekit_server: LiveKitServer, root: Path) -> AsyncIterator[Daemon]:
    write_app(root)
    async with running_daemon(
        root, "start", "app.py", server=livekit_server, environ={"AGENTD_NUM_IDLE_PROCESSES": "2"}
    ) as running:
        await running.wait_ready()
        yield running
        assert await running.stop() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    async with callers_of(livekit_server) as them:
        yield them


async def test_a_dispatched_job_runs_in_a_child_that_was_warm(
    daemon: Daemon, callers: Callers
) -> None:
    """The entrypoint's process is there before the dispatch, and not the daemon's own."""
    before = {process.pid for process in daemon.children()}

    line = await callers.job(daemon, "finish")

    printed = await daemon.wait_for(name="agentd.output", job=line["job"])
    assert printed["pid"] in before
    assert printed["pid"] != daemon.pid


async def test_what_a_job_prints_and_logs_comes_with_its_job_and_room(
    daemon: Daemon, callers: Callers
) -> None:
    """Line by line, in order, each with the fields that say whose it is."""
    line = await callers.job(daemon, "print")

    record = await daemon.wait_for(action="app_record", job=line["job"])
    await daemon.wait_for(action="job_ended", job=line["job"])
    printed = daemon.seen(name="agentd.output", job=line["job"])
    assert [each["message"] for each in printed] == [
        "begin print", "line 0", "line 1", "line 2", "goodbye: finished",
    ]  # fmt: skip
    assert {each["room"] for each in printed} == {line["room"]}
    assert (record["name"], record["room"], record["message"]) == ("app", line["room"], "a record")


async def test_a_line_is_shown_while_the_job_runs(daemon: Daemon, callers: Callers) -> None:
    """Python's own buffer does not hold it back, and neither do we."""
    line = await callers.holding(daemon)

    await callers.say(line["room"], "hello")

    await daemon.wait_for(job=line["job"], message="heard hello")
    assert not daemon.seen(action="job_ended", job=line["job"])
    await callers.delete_room(line["room"])


async def test_a_job_that_ends_well_is_a_success_at_the_server(
    daemon: Daemon, callers: Callers
) -> None:
    """With the reason that it gave in our own log."""
    line = await callers.job(daemon, "finish")

    verdict = await callers.verdict(line["job"])

    ended = await daemon.wait_for(action="job_ended", job=line["job"])
    assert verdict == ("JS_SUCCESS", "")
    assert (ended["ending"], ended["reason"]) == ("completed", "finished")


async def test_an_entrypoint_that_raises_fails_the_job_with_its_error(
    daemon: Daemon, callers: Callers
) -> None:
    """The server gets the error's text, our log the user's own line."""
    line = await callers.job(daemon, "fail")

    verdict = await callers.verdict(line["job"])

    record = await daemon.wait_for(action="entrypoint_failed", job=line["job"])
    assert verdict == ("JS_FAILED", "ValueError: no such voice")
    assert 'raise ValueError("no such voice")' in record["exc_info"]
    assert "agentd/job/run.py" not in record["exc_info"]


async def test_what_on_request_gives_is_what_the_participant_has(
    daemon: Daemon, callers: Callers
) -> None:
    """Name, identity, metadata and attributes, in the job itself."""
    line = await callers.job(daemon, "accept as")

    await daemon.wait_for(action="job_ended", job=line["job"], ending="completed")

    assert "I am polly-1 Polly a parrot green" in daemon.printed(line["job"])


async def test_a_rejected_offer_is_one_line_and_frees_the_child(
    daemon: Daemon, callers: Callers
) -> None:
    """A later job is served."""
    dispatch = await callers.dispatch(daemon, "reject")

    declined = await daemon.wait_for(action="offer_declined", room=dispatch.room)

    assert declined["reason"] == "rejected by on_request"
    assert await callers.verdict((await callers.job(daemon, "finish"))["job"]) == ("JS_SUCCESS", "")


async def test_an_on_request_that_raises_declines_and_shows_the_users_line(
    daemon: Daemon, callers: Callers
) -> None:
    """An error of the user's costs that job only."""
    dispatch = await callers.dispatch(daemon, "request raises")

    declined = await daemon.wait_for(action="offer_declined", room=dispatch.room)

    assert "ValueError: no thanks" in declined["reason"]
    assert any('raise ValueError("no thanks")' in line.get("exc_info", "") for line in daemon.lines)


async def test_deleting_the_room_completes_the_job(daemon: Daemon, callers: Callers) -> None:
    """The shutdown callbacks run, and the server hears of a success."""
    line = await callers.holding(daemon)

    await callers.delete_room(line["room"])

    ended = await daemon.wait_for(action="job_ended", job=line["job"])
    # LiveKit sends two things, whichever comes first: the disconnect and the termination.
    assert ended["ending"] == "completed"
    assert ended["reason"] in ("room disconnected", "terminated by LiveKit")
    assert f"goodbye: {ended['reason']}" in daemon.printed(line["job"])
    # Once the server knows the job's agent, some seconds after its start, it has a verdict of its
    # own as it closes the room, and then hears of ours too late.
    assert await callers.verdict(line["job"]) in (
        ("JS_SUCCESS", ""),
        ("JS_FAILED", "agent worker left the room"),
    )


async def test_deleting_the_dispatch_terminates_the_job(daemon: Daemon, callers: Callers) -> None:
    """LiveKit sends a termination; the job ends in order."""
    line = await callers.holding(daemon)
    dispatches = await callers.client.agent_dispatch.list_dispatch(line["room"])
    (ours,) = [each for each in dispatches if each.agent_name == daemon.agent_name]

    await callers.client.agent_dispatch.delete_dispatch(ours.id, line["room"])

    ended = await daemon.wait_for(action="job_ended", job=line["job"])
    assert (ended["ending"], ended["reason"]) == ("completed", "terminated by LiveKit")
    assert "goodbye: terminated by LiveKit" in daemon.printed(line["job"])


async def test_the_supervisor_has_no_user_code_and_no_media_library(
    daemon: Daemon, callers: Callers
) -> None:
    """Neither mapped libraries nor the user's own text are in its memory; a child has both."""
    line = await callers.holding(daemon)
    child = daemon.seen(name="agentd.output", job=line["job"])[0]["pid"]

    ours, theirs = libraries(daemon.pid), libraries(child)

    assert [name for name in ours if "livekit_ffi" in name or "numpy" in name] == []
    assert any("livekit_ffi" in name for name in theirs)
    assert not holds(daemon.pid, MARKER)
    assert holds(child, MARKER)
    await callers.delete_room(line["room"])


def libraries(pid: int) -> set[str]:
    """The files that a process has mapped."""
    return {each.path for each in psutil.Process(pid).memory_maps()}


def holds(pid: int, text: str) -> bool:
    """Whether a text is anywhere in a process's own memory."""
    wanted = text.encode()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return any(wanted in read(memory.fileno(), *span) for span in writable_spans(pid))


def writable_spans(pid: int) -> list[tuple[int, int]]:
    """Start and length of the anonymous memory of a process."""
    spans = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        where, permissions, *rest = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in where.split("-"))
        if permissions.startswith("rw") and (len(rest) < 4 or rest[3].strip() in ("", "[heap]")):
            spans.append((start, end - start))
    return spans


def read(descriptor: int, start: int, length: int) -> bytes:
    """A stretch of a process's memory; empty where it can't be read."""
    try:
        return os.pread(descriptor, length, start)
    except OSError:
        return b""
