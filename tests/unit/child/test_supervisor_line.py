"""The line to the supervisor, over real sockets: some go, some refuse, some adopt."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from agentd.aio.timing import now
from agentd.child import supervisor_line
from agentd.child.report import JobReport
from agentd.child.supervisor_line import SupervisorLine
from agentd.errors import ChannelError
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    Adopted,
    ChildConfig,
    Hello,
    Initialize,
    JobClosing,
    JobEnded,
    JobStarted,
    Log,
    Ping,
    Pong,
    Snapshot,
)
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobOutcome, Resume
from tests.support.scripted_supervisor import ScriptedSupervisor, Visit
from tests.support.supervised import assignment

FIRST_HELLO = Hello(version=PROTOCOL_VERSION, child_id=ChildId("c1"), pid=os.getpid())
JOB_HELLO = Hello(
    version=PROTOCOL_VERSION, child_id=ChildId("c1"), pid=os.getpid(), job_id="AJ_1", started=True
)
DONE = JobOutcome(outcome="completed", reason="done")
LOG = Log(level=20, logger="app", message="hello", time=0.0)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that children have."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Descriptors that would have become our output; 1 and 2 of the test stay as they are."""
    fds: list[int] = []

    def take(fd: int) -> None:
        fds.append(fd)
        os.close(fd)

    monkeypatch.setattr(supervisor_line, "redirect_output", take)
    monkeypatch.setattr(supervisor_line, "drop_output_without_reader", lambda: None)
    return fds


@pytest.fixture
def path(workdir: Path) -> Path:
    """Where supervisors listen."""
    return workdir / "s"


@pytest.fixture
async def line(path: Path) -> AsyncIterator[SupervisorLine]:
    """A line whose first supervisor has died."""
    async with ScriptedSupervisor(path) as first:
        made = SupervisorLine(str(path), FIRST_HELLO)
        await first.visit()
    with pytest.raises(ChannelError):
        await made.receive()
    yield made
    made.close()


def come_back(line: SupervisorLine, grace: float = 5.0) -> asyncio.Task[Hello | None]:
    """Have the line look for a supervisor."""
    return asyncio.create_task(line.connect_again(lambda: JOB_HELLO, now() + grace))


async def adopted(line: SupervisorLine, supervisor: ScriptedSupervisor) -> Visit:
    """Have the line adopted."""
    coming = come_back(line)
    visit = await supervisor.visit()
    visit.adopt().close()
    assert await coming == JOB_HELLO
    return visit


async def test_the_next_supervisor_hears_of_the_job(
    line: SupervisorLine, path: Path, taken: list[int]
) -> None:
    """And gives the new output; frames go both ways then."""
    async with ScriptedSupervisor(path) as second:
        visit = await adopted(line, second)

        line.send(Pong(seq=7))
        visit.stream.send_nowait(Ping(seq=8))
        assert await visit.next(Pong) == Pong(seq=7)
        assert await line.receive() == Ping(seq=8)
    assert visit.hello == JOB_HELLO
    assert len(taken) == 1


async def test_frames_that_follow_the_adoption_at_once_are_not_lost(
    line: SupervisorLine, path: Path
) -> None:
    """A supervisor need not wait before it goes on."""
    async with ScriptedSupervisor(path) as second:
        coming = come_back(line)
        visit = await second.visit()
        visit.adopt().close()
        visit.stream.send_nowait(Ping(seq=1))
        await coming

        assert await line.receive() == Ping(seq=1)


async def test_it_comes_again_until_it_is_adopted(line: SupervisorLine, path: Path) -> None:
    """A new daemon may not be ready to adopt when it begins to listen."""
    async with ScriptedSupervisor(path) as second:
        coming = come_back(line)
        for _ in range(3):
            (await second.visit()).hang_up()
        (await second.visit()).adopt().close()

        assert await coming == JOB_HELLO


async def test_a_supervisor_that_comes_late_is_found(line: SupervisorLine, path: Path) -> None:
    """Nobody listens there for a while."""
    coming = come_back(line)
    done, _ = await asyncio.wait({coming}, timeout=0.2)
    async with ScriptedSupervisor(path) as second:
        (await second.visit()).adopt().close()

        assert await coming == JOB_HELLO
    assert not done


async def test_it_gives_up_when_its_time_is_over(line: SupervisorLine) -> None:
    """Not before, and not long after."""
    began_at = now()

    assert await line.connect_again(lambda: JOB_HELLO, now() + 0.3) is None

    assert 0.3 <= now() - began_at < 2.0
    assert not line.connected


@pytest.mark.parametrize("answer", ["wrong frame", "no descriptor", "two descriptors", "garbage"])
async def test_an_answer_that_is_no_adoption_is_a_failed_try(
    line: SupervisorLine, path: Path, answer: str
) -> None:
    """The next try may go better."""
    async with ScriptedSupervisor(path) as second:
        coming = come_back(line)
        visit = await second.visit()
        match answer:
            case "wrong frame":
                visit.stream.send_nowait(Initialize(config=ChildConfig()))
            case "no descriptor":
                visit.stream.send_nowait(Adopted())
            case "two descriptors":
                visit.stream.send_nowait(Adopted(), fds=[1, 2])
            case _:
                visit.stream.send_nowait(LOG)
        (await second.visit()).adopt().close()

        assert await coming == JOB_HELLO


async def test_a_supervisor_that_keeps_silent_costs_a_bounded_time(
    line: SupervisorLine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be stopped, and another one may be there later."""
    monkeypatch.setattr(supervisor_line, "INITIALIZE_TIMEOUT", 0.05)
    async with ScriptedSupervisor(path) as second:
        coming = come_back(line)
        await second.visit()
        (await second.visit()).adopt().close()

        assert await coming == JOB_HELLO


async def test_a_full_backlog_is_a_failed_try(line: SupervisorLine, path: Path) -> None:
    """A connect to it neither waits nor counts as made."""
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as waiting:
        deaf.bind(str(path))
        deaf.listen(0)
        waiting.connect(str(path))

        assert await line.connect_again(lambda: JOB_HELLO, now() + 0.2) is None


async def test_tries_are_few(line: SupervisorLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute without a supervisor is no busy minute."""
    tries: list[str] = []

    def call(path: str) -> None:
        tries.append(path)
        raise ConnectionRefusedError

    monkeypatch.setattr(supervisor_line, "_call", call)

    await line.connect_again(lambda: JOB_HELLO, now() + 1.0)

    assert 2 <= len(tries) <= 60


async def test_a_supervisor_that_adopts_and_goes_again_and_again_is_not_called_without_pause(
    line: SupervisorLine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each adoption that does not last is a failure like another."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async with ScriptedSupervisor(path) as second:
        await adopted(line, second)
        monkeypatch.setattr(asyncio, "sleep", note)
        await adopted(line, second)
        await adopted(line, second)

    assert len(pauses) == 2


async def test_without_a_supervisor_nothing_is_sent(line: SupervisorLine) -> None:
    """Log records count as dropped then, and nobody is disturbed."""
    assert not line.send(Pong(seq=1))
    assert not line.offer(LOG)
    assert not await line.flush(0.1)


async def test_log_records_go_on_with_the_new_supervisor(line: SupervisorLine, path: Path) -> None:
    """Whoever logs does not know that there was another."""
    async with ScriptedSupervisor(path) as second:
        visit = await adopted(line, second)

        assert line.offer(LOG)
        assert await visit.next(Log) == LOG


# -- what a job repeats ------------------------------------------------------------------


@pytest.fixture
def report(line: SupervisorLine) -> JobReport:
    """Of a job on that line."""
    return JobReport(assignment(), line, Resume(resumes=2))


async def repeated(report: JobReport, line: SupervisorLine, path: Path) -> list[object]:
    """What the job tells the next supervisor."""
    async with ScriptedSupervisor(path) as second:
        visit = await adopted(line, second)
        report.say_again(report.hello(ChildId("c1"), 1))
        line.send(Pong(seq=0))
        await visit.next(Pong)
        return list(visit.others)


async def test_a_job_that_said_nothing_repeats_nothing(
    report: JobReport, line: SupervisorLine, path: Path
) -> None:
    """Its hello has said all."""
    report.started()

    assert await repeated(report, line, path) == []


async def test_the_latest_snapshot_is_repeated(
    report: JobReport, line: SupervisorLine, path: Path
) -> None:
    """Those before it are worth nothing."""
    report.snapshot(1, b"first")
    report.snapshot(1, b"second")

    assert await repeated(report, line, path) == [
        Snapshot(job_id="AJ_1", version=1, data=b"second")
    ]


async def test_a_job_that_ended_alone_tells_how(
    report: JobReport, line: SupervisorLine, path: Path
) -> None:
    """Leaving the room did not wait for anybody; a snapshot after the end is nobody's."""
    report.started()
    await report.closing(DONE)
    report.ended(DONE)
    report.snapshot(1, b"late")

    assert await repeated(report, line, path) == [
        JobClosing(job_id="AJ_1", outcome=DONE),
        JobEnded(job_id="AJ_1", outcome=DONE),
    ]


async def test_a_closing_that_was_noted_is_not_repeated(
    report: JobReport, line: SupervisorLine, path: Path
) -> None:
    """Some supervisor has written it down."""
    await report.closing(DONE)
    report.noted.set()

    assert await repeated(report, line, path) == []


async def test_a_start_between_hello_and_adoption_is_told(
    report: JobReport, line: SupervisorLine, path: Path
) -> None:
    """Else the supervisor would never hear of it."""
    before = report.hello(ChildId("c1"), 1)
    report.started()
    async with ScriptedSupervisor(path) as second:
        visit = await adopted(line, second)

        report.say_again(before)

        assert await visit.next(JobStarted) == JobStarted(job_id="AJ_1")
    assert (before.started, report.hello(ChildId("c1"), 1).started) == (False, True)


async def test_the_hello_says_all_that_a_daemon_without_a_journal_needs(report: JobReport) -> None:
    """Which job it is, and how often it was resumed."""
    hello = report.hello(ChildId("c1"), 7)

    assert (hello.child_id, hello.pid, hello.job_id) == ("c1", 7, "AJ_1")
    assert (hello.resumes, hello.assignment) == (2, assignment())
