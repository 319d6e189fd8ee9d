"""Children that block, grow or die amid a job: warned about, replaced, and explained afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct

from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import Ran, agentd
from tests.support.daemon import Callers, Daemon, Line, callers_of, running_daemon

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]
"""The four deaths are waited for together, by the first test that asks for them."""

TONE = Path(__file__).parents[1] / "support" / "tone_app.py"
BLOCKING = TONE.read_text().split("time.sleep(")[0].count("\n") + 1
USERS_LINE = f'{TONE.name}", line {BLOCKING} in obey'
"""How a stack names the line of the app that blocks."""

LIMIT_MB = 110
"""Over the 50 MB of a child with a room, and little enough to be had without a block."""
ORDERS = {
    "killed": "",
    "exit": "exit 7",
    "memory": f"hog {LIMIT_MB}",
    "blocked": "block 9",
}
"""What ends the child of each kind of job; no order is a SIGKILL from outside."""

ENVIRON = {
    "AGENTD_HEARTBEAT_TIMEOUT": "2.5",
    "AGENTD_BLOCKED_WARNING": "0.5",
    "AGENTD_JOB_MEMORY_LIMIT_MB": str(LIMIT_MB),
    "AGENTD_MAX_JOBS": "8",
    "AGENTD_NUM_IDLE_PROCESSES": "2",
}


class Death(Struct, frozen=True, kw_only=True):
    """A job whose child died, and what the commands say of it."""

    job: str
    room: str
    pid: int
    next_pid: int
    shown: Ran
    """`jobs show` while the daemon runs."""
    document: Ran
    """The same with `--json`."""

    @property
    def post_mortem(self) -> dict[str, Any]:
        """The only one."""
        (record,) = self.document.document["post_mortems"]
        fields: dict[str, Any] = record["fields"]
        return fields


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    async with callers_of(livekit_server) as them:
        yield them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(
    livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Daemon]:
    root = tmp_path_factory.mktemp("sick")
    async with running_daemon(
        root, "start", str(TONE), server=livekit_server, environ=ENVIRON
    ) as running:
        await running.wait_ready()
        yield running
        if running.exit_code is None:
            assert await running.stop() == 0


async def humming(daemon: Daemon, callers: Callers) -> Line:
    """A job that hums, in its first life; the line has its job, room and pid."""
    job = await callers.job(daemon, "hum")
    line = await daemon.wait_for(action="humming", job=job["job"], lives=1)
    return {**line, "room": job["room"]}


async def end(daemon: Daemon, callers: Callers, *jobs: Line) -> None:
    """Have jobs end by the caller's word."""
    for job in jobs:
        await callers.say(job["room"], "end")
    for job in jobs:
        ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert ended["ending"] == "completed"


async def die(daemon: Daemon, callers: Callers, order: str) -> Death:
    """A job whose child dies of an order, and goes on; with what is then known of it."""
    first = await humming(daemon, callers)
    if order:
        await callers.say(first["room"], order)
    else:
        os.kill(first["pid"], signal.SIGKILL)
    second = await daemon.wait_for(action="humming", job=first["job"], lives=2)
    assert second["resumed"]
    return Death(
        job=first["job"],
        room=first["room"],
        pid=first["pid"],
        next_pid=second["pid"],
        shown=await agentd(daemon, "jobs", "show", first["job"]),
        document=await agentd(daemon, "jobs", "show", first["job"], "--json"),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deaths(daemon: Daemon, callers: Callers) -> dict[str, Death]:
    """One of each kind, all at the same time."""
    async with asyncio.TaskGroup() as group:
        dying = {
            kind: group.create_task(die(daemon, callers, order)) for kind, order in ORDERS.items()
        }
    found = {kind: task.result() for kind, task in dying.items()}
    await end(daemon, callers, *({"job": one.job, "room": one.room} for one in found.values()))
    return found


# -- heartbeats ------------------------------------------------------------------------


async def test_a_short_block_is_told_with_its_line_and_survived(
    daemon: Daemon, callers: Callers
) -> None:
    """A warning with the user's own line, a word that it is over, and the same process."""
    job = await humming(daemon, callers)

    await callers.say(job["room"], "block 1.8")

    blocked = await daemon.wait_for(action="child_blocked", job=job["job"])
    over = await daemon.wait_for(action="child_unblocked", job=job["job"])
    await end(daemon, callers, job)
    assert USERS_LINE in blocked["exc_info"]
    assert (blocked["child_pid"], over["child_pid"]) == (job["pid"], job["pid"])
    assert 0.5 <= over["blocked_for"] < 2.5
    assert daemon.seen(action="job_resuming", job=job["job"]) == []


async def test_a_supervisor_that_was_stopped_blames_no_child(
    daemon: Daemon, callers: Callers
) -> None:
    """Stopped for longer than a child may be silent; then every child is given its time anew."""
    job = await humming(daemon, callers)
    since = len(daemon.lines)

    daemon.signal(signal.SIGSTOP)
    await asyncio.sleep(3.2)  # longer than heartbeat_timeout: the time itself is the fault
    daemon.signal(signal.SIGCONT)

    await daemon.wait_for(action="heartbeats_afresh", since=since)
    await asyncio.sleep(1.2)  # a heartbeat of everybody
    await end(daemon, callers, job)
    told = {line.get("action") for line in daemon.lines[since:]}
    assert not told & {"child_blocked", "child_failed", "post_mortem", "job_resuming"}


async def test_a_blocked_child_is_replaced_after_its_time(
    daemon: Daemon, deaths: dict[str, Death]
) -> None:
    """Warned about first; the job goes on elsewhere with the state that it had."""
    death = deaths["blocked"]

    warned = await daemon.wait_for(action="child_blocked", job=death.job)
    resuming = await daemon.wait_for(action="job_resuming", job=death.job)
    assert daemon.lines.index(warned) < daemon.lines.index(resuming)
    assert warned["next"] == "it is replaced after 2.5 s"
    assert USERS_LINE in warned["exc_info"]
    assert "its event loop was blocked for 2.5 s" in resuming["reason"]
    assert death.next_pid != death.pid


# -- post-mortems ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected", "told"),
    [
        ("killed", {"kind": "signalled", "signal": "SIGKILL", "code": None}, "ended by SIGKILL"),
        ("exit", {"kind": "crashed", "signal": "", "code": 7}, "exited with code 7"),
        ("memory", {"kind": "killed", "signal": "SIGKILL"}, f"the limit is {LIMIT_MB}"),
        (
            "blocked",
            {"kind": "killed", "signal": "SIGKILL"},
            "its event loop was blocked for 2.5 s",
        ),
    ],
)
async def test_a_death_is_explained_by_jobs_show(
    deaths: dict[str, Death], kind: str, expected: dict[str, object], told: str
) -> None:
    """How it ended, its last lines, its memory, its CPU and how long it had lived."""
    death = deaths[kind]

    found = death.post_mortem

    assert (death.shown.code, death.document.code) == (0, 0)
    assert expected.items() <= found.items()
    assert told in found["text"]
    assert told in death.shown.out
    assert f"post-mortem of {found['child']}, pid {death.pid}" in death.shown.out
    assert (found["job"], found["room"], found["pid"]) == (death.job, death.room, death.pid)
    assert found["lived"] > 0
    assert found["max_rss_mb"] > 10
    assert found["cpu_seconds"] > 0
    assert "StartJob" in [frame["name"] for frame in found["frames"]]
    assert any("humming" in line for line in found["lines"])
    if ORDERS[kind]:
        assert found["lines"][-1].endswith(f"order {ORDERS[kind]}")


async def test_a_blocked_childs_post_mortem_has_its_stacks(deaths: dict[str, Death]) -> None:
    """Of the line that blocked it, on lines of their own for people; others have none."""
    # Not that of `memory`: on a busy machine its order takes long enough to be a block.
    stacks = {kind: deaths[kind].post_mortem["stacks"] for kind in ("killed", "exit", "blocked")}

    assert USERS_LINE in stacks.pop("blocked")
    assert stacks == {"killed": "", "exit": ""}
    lines = deaths["blocked"].shown.out.splitlines()
    assert any(line.lstrip().startswith("File") and line.endswith(USERS_LINE) for line in lines)


async def test_a_death_by_our_memory_limit_is_told_as_such(deaths: dict[str, Death]) -> None:
    """With what it had and what it might have had."""
    found = deaths["memory"].post_mortem["oom"]

    assert (found["verdict"], found["limit_mb"]) == ("limit", LIMIT_MB)
    assert found["memory_mb"] > LIMIT_MB
    assert deaths["exit"].post_mortem["oom"]["verdict"] == ""


async def test_the_journal_explains_all_of_it_when_the_daemon_has_ended(
    livekit_server: LiveKitServer, daemon: Daemon, deaths: dict[str, Death]
) -> None:
    """From the file alone, word for word; no answer has a secret or a token. The last test."""
    assert await daemon.stop() == 0

    death = deaths["blocked"]
    later, in_words = await asyncio.gather(
        agentd(daemon, "jobs", "show", death.job, "--json"),
        agentd(daemon, "jobs", "show", death.job),
    )
    assert (later.code, in_words.code) == (0, 0)
    assert "no daemon runs" in later.err
    assert later.document["post_mortems"] == death.document.document["post_mortems"]
    assert later.document["job"]["ending"] == "completed"
    assert death.post_mortem["text"] in in_words.out
    answers = [
        later,
        in_words,
        *(ran for one in deaths.values() for ran in (one.shown, one.document)),
    ]
    for text in (answer.out + answer.err for answer in answers):
        assert livekit_server.api_secret not in text
        assert "eyJ" not in text, "a token was shown"  # how each JWT begins
