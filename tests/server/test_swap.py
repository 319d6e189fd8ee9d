"""`agentd dev --swap`: a conversation goes on by new code when its file is saved, mid-call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.aio.timing import monotonic
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import Callers, Daemon, Line, running_daemon, write_app
from tests.support.ear import Ear, listening

pytestmark = pytest.mark.timeout(90)
"""A daemon, a caller and their media: seconds each, more on a busy machine."""

APP = Path(__file__).parents[1] / "support" / "swap_app.py"

LONGEST_SILENCE = 2.0
"""Seconds between two sounds of the agent. 0.25 on a quiet machine; a busy one may take more."""


def version(number: int) -> str:
    """The app at this version, of the size of all others: also what is saved twice in a second."""
    return APP.read_text().replace("VERSION = 1\n", f"VERSION = {number}\n")


@asynccontextmanager
async def swapping(
    workdir: Path, server: LiveKitServer, *more: str, environ: dict[str, str] | None = None
) -> AsyncIterator[Daemon]:
    """`agentd dev --swap` with version 1, ready for jobs."""
    write_app(workdir, version(1))
    command = ("dev", "app.py", "--swap", "--log-format", "json", *more)
    async with running_daemon(workdir, *command, server=server, environ=environ) as daemon:
        await daemon.wait_for(action="watching")
        await daemon.wait_ready()
        yield daemon


@asynccontextmanager
async def call(
    server: LiveKitServer, callers: Callers, daemon: Daemon, task: str = "talk"
) -> AsyncIterator[tuple[Line, Ear]]:
    """A caller, and the line of the job's assignment, once the agent is in the room."""
    dispatch = await callers.dispatch(daemon, task)
    async with listening(server, dispatch.room, "caller") as ear:
        job = await daemon.wait_for(action="job_assigned", room=dispatch.room)
        await daemon.wait_for(job=job["job"], action="swap_here")
        yield job, ear


async def test_a_call_goes_on_by_the_code_that_was_saved(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """With its history and userdata, under the new instructions, and only one agent in the room."""
    async with (
        swapping(workdir, livekit_server) as daemon,
        call(livekit_server, callers, daemon) as (job, ear),
    ):
        await callers.say(job["room"], "note apples")
        await ear.hears(30)
        await callers.say(job["room"], "tell")
        await ear.hears(300)

        saved_at = monotonic()
        write_app(workdir, version(2))
        resumed = await daemon.wait_for(job=job["job"], action="swap_resumed")
        await ear.has_track_since(saved_at)
        await ear.hears(100)
        swapped = await daemon.wait_for(action="job_swapped", job=job["job"])

        assert (resumed["version"], resumed["instructions"]) == (2, "You are version 2.")
        assert (resumed["why"], resumed["notes"]) == ("swap", "apples")
        assert resumed["history"].startswith("apples / Version 1 has noted it. / This is sentence")
        assert resumed["again"].startswith("This is sentence number ")
        assert ear.most_agents == 1
        silence = ear.gaps(since=saved_at)[0]
        print(  # noqa: T201
            f"\nsave to heard {ear.subscribed_at[-1] - saved_at:.2f} s, silent {silence:.2f} s, "
            f"{swapped}"
        )
        assert silence < LONGEST_SILENCE
        assert (swapped["what"], swapped["level"]) == ("app.py", "INFO")
        assert swapped["silent"] < LONGEST_SILENCE
        await callers.say(job["room"], "end")
        ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert (ended["ending"], ended["resumes"]) == ("completed", 1)
        # The call was over once, in the new code; the old one has not ended it.
        assert [line["version"] for line in daemon.seen(action="swap_over")] == [2]
        assert not daemon.seen(action="job_resuming")
        assert not daemon.seen(action="child_failed")


async def test_code_that_does_not_work_leaves_the_call_on_the_old(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A mistake of syntax, an import and a prewarm that raise; then it is mended."""
    async with (
        swapping(workdir, livekit_server) as daemon,
        call(livekit_server, callers, daemon) as (job, ear),
    ):
        for number, (mistake, action, sign) in enumerate(
            (
                ("\nwrong wrong\n", "reload_failed", "wrong wrong"),
                ("\nimport no_such_module\n", "reload_failed", "import no_such_module"),
                (
                    "\nserver.setup_fnc = lambda process: 1 / 0\n",
                    "child_failed",
                    "division by zero",
                ),
            )
        ):
            since = len(daemon.lines)
            write_app(workdir, version(2).replace("\nif __name__", f"{mistake}\nif __name__"))
            failed = await daemon.wait_for(since=since, action=action)
            assert sign in failed.get("exc_info", "") + failed["reason"]
            await callers.say(job["room"], f"note pears{number}")
            await ear.hears(30)
        assert not daemon.seen(action="job_swapped")
        assert not daemon.seen(action="swap_resumed")

        write_app(workdir, version(3))
        resumed = await daemon.wait_for(action="swap_resumed")
        assert (resumed["version"], resumed["notes"]) == (3, "pears0 pears1 pears2")
        await ear.hears(30)
        await callers.say(job["room"], "end")
        await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")


async def test_a_second_save_moves_the_call_again(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Also where it comes while the call is on its way, and what was said stays."""
    async with (
        swapping(workdir, livekit_server) as daemon,
        call(livekit_server, callers, daemon) as (job, ear),
    ):
        await callers.say(job["room"], "note plums")
        await ear.hears(30)
        write_app(workdir, version(2))
        await daemon.wait_for(action="reloading")
        write_app(workdir, version(3))
        resumed = await daemon.wait_for(action="swap_resumed", version=3)
        await ear.hears(30)

        assert resumed["notes"] == "plums"
        # The answer may have been cut off; then it is said again.
        assert resumed["history"].startswith("plums")
        assert ear.most_agents == 1
        await callers.say(job["room"], "end")
        ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert ended["ending"] == "completed"
        assert ended["resumes"] == len(daemon.seen(action="swap_resumed"))


async def test_a_child_that_does_not_hand_over_is_killed_and_its_call_goes_on(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """From its last snapshot: a blocked event loop can't take another."""
    # Its heartbeat would be missed after 15 s; a reload takes half of that on a busy machine.
    patient = {"AGENTD_HEARTBEAT_TIMEOUT": "60"}
    async with (
        swapping(workdir, livekit_server, environ=patient) as daemon,
        call(livekit_server, callers, daemon) as (job, ear),
    ):
        await callers.say(job["room"], "note figs")
        await ear.hears(30)
        await callers.say(job["room"], "block")
        await daemon.wait_for(action="blocking")
        write_app(workdir, version(2))
        resumed = await daemon.wait_for(action="swap_resumed")
        swapped = await daemon.wait_for(action="job_swapped")
        await ear.hears(30)

        assert (resumed["version"], resumed["notes"]) == (2, "figs")
        assert swapped["level"] == "WARNING"
        assert swapped["reason"].startswith("its process did not hand over within 10 s")
        await callers.say(job["room"], "end")
        ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert (ended["ending"], ended["resumes"]) == ("completed", 1)
        assert not daemon.seen(action="job_resuming")


async def test_a_job_that_can_not_leave_stays_and_a_line_says_why(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """One that keeps nothing, and one whose tool must not be cut off."""
    async with (
        swapping(workdir, livekit_server) as daemon,
        call(livekit_server, callers, daemon, "deaf") as (deaf, _),
        call(livekit_server, callers, daemon) as (paying, ear),
    ):
        await callers.say(paying["room"], "pay")
        await daemon.wait_for(action="paying")
        write_app(workdir, version(2))
        one = await daemon.wait_for(action="job_stays", job=deaf["job"])
        other = await daemon.wait_for(action="job_stays", job=paying["job"])

        assert one["reason"].startswith("it keeps nothing: no AgentSession")
        assert other["reason"] == "a tool is at work that must not be cut off: pay"
        assert not daemon.seen(action="swap_resumed")
        assert ear.agents == 1
        for job in (deaf, paying):
            await callers.say(job["room"], "end")
            await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")


async def test_a_daemon_moves_its_calls_when_it_is_asked_to(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """`agentd reload --swap`, also where every slot is taken; without it they stay."""
    write_app(workdir, version(1))
    environ = {"AGENTD_MAX_JOBS": "1", "AGENTD_MAX_RESUMES": "5"}
    async with (
        running_daemon(
            workdir, "start", "app.py", server=livekit_server, environ=environ
        ) as daemon,
    ):
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear):
            write_app(workdir, version(2))
            assert (await agentd(daemon, "reload")).code == 0
            await daemon.wait_for(action="reloaded", generation=2)
            write_app(workdir, version(3))
            assert (await agentd(daemon, "reload", "--swap")).code == 0
            resumed = await daemon.wait_for(action="swap_resumed")
            await ear.hears(30)

            assert resumed["version"] == 3
            assert ear.most_agents == 1
            await callers.say(job["room"], "end")
            await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        assert await daemon.stop() == 0
