"""What can be done to a running daemon and its calls: asked over its socket, some of it typed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agentd.cli.exits import AskExit
from agentd.daemon.exits import ExitCode
from agentd.errors import ControlRefused
from agentd.management.client import ControlClient
from agentd.management.operations import DispatchRequest, SimulateRequest, StacksRequest
from agentd.management.views import RecordsQuery
from agentd.protocol.ids import JobId
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd, typed
from tests.support.daemon import DEADLINE, Callers, Daemon, callers_of, running_daemon, write_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

APP = """\
import asyncio, logging
from agentd import AgentServer

server = AgentServer()
logger = logging.getLogger("app")

@server.rtc_session
async def entry(ctx):
    ctx.state["kept"] = True
    ctx.add_shutdown_callback(goodbye)
    ctx.room.on("room_metadata_changed", lambda _old, new: obey(ctx, new))
    await ctx.connect()
    print(f"here, fake {ctx.is_fake_job()}, resumes {ctx.resumes}, {ctx.job.metadata}")

def obey(ctx, words):
    if words == "debug":
        logger.debug("a debug line")
    elif words == "end":
        ctx.shutdown("the caller said so")

async def goodbye(reason):
    print(f"goodbye: {reason}")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    async with callers_of(livekit_server) as them:
        yield them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(
    livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Daemon]:
    """One for all the tests; the last of them ends it."""
    root = tmp_path_factory.mktemp("operated")
    write_app(root, APP)
    async with running_daemon(
        root, "start", "app.py", "--max-jobs", "3", server=livekit_server
    ) as running:
        await running.wait_ready()
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(daemon: Daemon) -> AsyncIterator[ControlClient]:
    """Who asks over the control socket, as the commands do."""
    async with ControlClient(daemon.root / "run/control.sock", timeout=DEADLINE) as client:
        yield client


async def begun(daemon: Daemon, callers: Callers) -> tuple[JobId, str]:
    """A job that is in its room: its id and the room's name."""
    line = await callers.job(daemon, "hold")
    await daemon.wait_for(job=line["job"], message="here, fake False, resumes 0, hold")
    return JobId(line["job"]), line["room"]


async def end(daemon: Daemon, callers: Callers, room: str) -> None:
    """Have the job in a room end by its caller's word."""
    await callers.say(room, "end")
    await daemon.wait_for(action="job_ended", room=room, ending="completed")


async def test_a_job_is_simulated_and_looked_at(
    daemon: Daemon, client: ControlClient, livekit_server: LiveKitServer
) -> None:
    """The app's code runs, in a child; LiveKit hears nothing of it."""
    made = await client.simulate(SimulateRequest(metadata="try", seconds=600.0))

    await daemon.wait_for(job=made.job, message="here, fake True, resumes 0, try")
    status, details = await client.status(), await client.job(JobId(made.job))
    await client.stop_job(JobId(made.job), "seen enough")
    await daemon.wait_for(action="job_ended", job=made.job, reason="seen enough")
    over = await client.job(JobId(made.job))
    (child,) = [each for each in status.children if each.job_id == made.job]
    assert (child.state, child.room) == ("running", made.room)
    assert child.memory_mb is not None
    assert 1 < child.memory_mb < 500
    assert 0 < child.age < DEADLINE * 4
    assert details.live is not None
    assert (details.live.fake, details.live.state) == (True, "running")
    assert details.on is not None
    assert (details.on.id, details.on.pid) == (child.id, child.pid)
    assert (over.job.ending, over.live, over.on) == ("completed", None, None)
    assert made.job not in livekit_server.log_path.read_text()


async def test_a_simulation_ends_when_its_time_is_over(
    daemon: Daemon, client: ControlClient
) -> None:
    """So that none is forgotten in its slot."""
    made = await client.simulate(SimulateRequest(seconds=0.3))

    ended = await daemon.wait_for(action="job_ended", job=made.job)
    assert (ended["ending"], ended["reason"]) == ("completed", "the simulation's 0.3 s are over")


async def test_an_agent_is_sent_to_a_room(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """By the daemon's own key and name; whether the room was made is said."""
    first = await client.dispatch(DispatchRequest(room="lobby-7", metadata="hello"))
    job = await daemon.wait_for(action="job_assigned", room="lobby-7")
    await daemon.wait_for(job=job["job"], message="here, fake False, resumes 0, hello")
    again = await client.dispatch(DispatchRequest(room="lobby-7", agent_name="nobody-here"))

    assert (first.agent_name, first.room_created, first.note) == (daemon.agent_name, True, "")
    assert (again.agent_name, again.room_created, again.note) == ("nobody-here", False, "")
    await end(daemon, callers, "lobby-7")


async def test_a_job_is_moved_into_another_child_mid_call(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """The old child lets go, and the next one goes on in the same room."""
    job, room = await begun(daemon, callers)
    before = await client.job(job)

    await client.resume_job(job, "it eats memory")

    swapped = await daemon.wait_for(action="job_swapped", job=job)
    await daemon.wait_for(job=job, message="here, fake False, resumes 1, hold")
    after = await client.job(job)
    assert (swapped["what"], swapped["old"]) == ("it eats memory", before.job.child)
    assert swapped["message"] == "the call goes on in another child"
    assert (after.job.child, after.job.resumes) == (swapped["child"], 1)
    with pytest.raises(ControlRefused, match="no job 'AJ_nobody' runs here"):
        await client.resume_job(JobId("AJ_nobody"))
    await end(daemon, callers, room)


async def test_the_log_level_reaches_children_that_run(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """And those to come; the settings in force tell of it, with what is secret masked."""
    _, room = await begun(daemon, callers)

    told = await client.set_log_level("DEBUG")

    await callers.say(room, "debug")
    await daemon.wait_for(message="a debug line", level="DEBUG")
    back, config = await client.set_log_level("INFO"), (await client.config()).settings
    assert (told.before, told.level, told.children >= 1) == ("INFO", "DEBUG", True)
    assert (back.before, back.level) == ("DEBUG", "INFO")
    assert config["log_level"].origin == "changed at run time"
    assert (config["max_jobs"].value, config["max_jobs"].origin) == (3, "flag --max-jobs")
    assert config["api_secret"].value == "********"
    await end(daemon, callers, room)


async def test_stacks_come_from_the_supervisor_and_its_children(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """Of all, or of one job's child; calls go on."""
    job, room = await begun(daemon, callers)

    everything = (await client.stacks(StacksRequest())).processes
    (one,) = (await client.stacks(StacksRequest(job=job))).processes

    assert (everything[0].process, everything[0].pid) == ("supervisor", daemon.pid)
    assert "Thread MainThread:" in everything[0].text
    assert "Task daemon:" in everything[0].text
    assert [each.process for each in everything if each.job == job] == [one.process]
    assert (one.job, one.note) == (job, "")
    assert "(most recent call first)" in one.text
    assert "Task child:frames" in one.text
    with pytest.raises(ControlRefused, match="no child 'c9999' here"):
        await client.stacks(StacksRequest(child="c9999"))
    await end(daemon, callers, room)


async def test_what_happened_is_shown_of_one_job_and_of_all(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """As the journal has it, in pages; typed, the oldest comes first."""
    job, room = await begun(daemon, callers)
    await end(daemon, callers, room)

    typed_logs = await agentd(daemon, "logs", "--job", job)
    newest = await client.events(RecordsQuery(limit=2))
    older = await client.events(RecordsQuery(limit=2, before=newest.before))

    kinds = [line.split()[3] for line in typed_logs.out.splitlines()]
    assert (typed_logs.code, typed_logs.err) == (0, "")
    assert kinds.index("job_assigned") < kinds.index("job_ended")
    numbers = [event.seq for event in (*newest.events, *older.events)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 4


async def test_a_drain_is_taken_back_and_one_by_a_signal_is_not(
    daemon: Daemon, client: ControlClient, callers: Callers
) -> None:
    """Jobs come again after the first; the second ends the daemon. The last test of this one."""
    _, room = await begun(daemon, callers)
    with pytest.raises(ControlRefused, match="does not drain"):
        await client.undrain()
    async with typed(daemon, "drain", "--reason", "release 7") as drain:
        await daemon.wait_for(action="draining", reason="release 7")
        with pytest.raises(ControlRefused, match="agentd undrain"):
            await client.reload()
        with pytest.raises(ControlRefused, match="draining: release 7"):
            await client.simulate(SimulateRequest())

        await client.undrain("called off")

        async with asyncio.timeout(DEADLINE):
            _, watched = await drain.communicate()
    taken_back = await daemon.wait_for(action="undraining")
    await daemon.wait_for(action="undrained")
    _, other = await begun(daemon, callers)
    daemon.signal(signal.SIGTERM)
    await daemon.wait_for(action="draining", reason="SIGTERM")
    with pytest.raises(ControlRefused, match=r"by a signal \(SIGTERM\) and can't be taken back"):
        await client.undrain()
    for each in (room, other):
        await end(daemon, callers, each)

    assert await daemon.wait_exit() == ExitCode.OK
    assert drain.returncode == AskExit.REFUSED
    assert "the drain was taken back; the daemon serves on" in watched.decode()
    assert (taken_back["reason"], taken_back["drained_for"]) == ("called off", "release 7")
