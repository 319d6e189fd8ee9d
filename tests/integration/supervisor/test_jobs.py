"""Jobs in real children: their outcomes, their words, and what they leave behind. One template."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from msgspec import structs

from agentd.protocol.app import AppRef
from agentd.protocol.frames import Log, LogValue
from agentd.protocol.job import JobOutcome, Resume
from tests.support.changes import Changes
from tests.support.subreaper import open_descriptors, subreaper
from tests.support.supervised import (
    SPEC,
    Plan,
    Supervised,
    supervised,
    with_pool,
)

APP = Path(__file__).parents[2] / "support" / "jobs_app.py"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def orphans_come_to_us() -> None:
    """They do for the whole module here."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_parts() -> AsyncIterator[Supervised]:
    """One supervisor for all tests here: each job has a child of its own anyway."""
    with tempfile.TemporaryDirectory(prefix="ad-", dir="/tmp") as directory:
        spec = structs.replace(SPEC, exit_timeout=4.0, job_shutdown_timeout=4.0)
        plan = Plan(directory=Path(directory), app=AppRef(target=str(APP)), spec=spec)
        plan = with_pool(plan, max_jobs=8, num_idle_processes=2)
        with subreaper(), Changes() as changes:
            async with supervised(plan, changes) as parts:
                yield parts


@pytest_asyncio.fixture(loop_scope="module")
async def parts(module_parts: Supervised) -> AsyncIterator[Supervised]:
    """The supervisor with nothing said yet, and no job left over."""
    module_parts.sink.records.clear()
    module_parts.sink.lines.clear()
    module_parts.changes.records.clear()
    yield module_parts
    for child in module_parts.children("running"):
        child.kill("the test is over")
        await module_parts.gone(child)


async def ended(parts: Supervised, metadata: str) -> JobOutcome:
    """Run a job until its process is gone, and return its one outcome."""
    job = await parts.start_job(metadata)
    await parts.gone(job.child)
    (outcome,) = job.outcomes
    return outcome


async def record(parts: Supervised, message: str) -> tuple[Log, Mapping[str, LogValue]]:
    """The log record with this message."""

    def found() -> list[tuple[Log, Mapping[str, LogValue]]]:
        return [entry for entry in parts.sink.records if entry[0].message == message]

    return (await parts.changes.until(found))[0]


async def line(parts: Supervised, text: str) -> Mapping[str, LogValue]:
    """The fields of a printed line, once it has come."""
    lines = parts.sink.lines
    return (await parts.changes.until(lambda: [fields for said, fields in lines if said == text]))[
        0
    ]


# -- outcomes ------------------------------------------------------------------------


async def test_a_job_that_shuts_itself_down_is_completed(parts: Supervised) -> None:
    """With the reason that it gave."""
    assert await ended(parts, "") == JobOutcome(outcome="completed", reason="done")


async def test_an_entrypoint_that_raises_has_failed_with_its_own_words(parts: Supervised) -> None:
    """Which is what LiveKit is told."""
    outcome = await ended(parts, "raises")

    assert (outcome.outcome, outcome.error) == ("failed", "ValueError: the model is missing")


async def test_a_job_that_ends_its_process_is_lost_with_the_exit_code(
    parts: Supervised,
) -> None:
    """And its last words are there, half a line though they are."""
    job = await parts.start_job("exits_7")

    assert await job.lost() == "the job's process exited with code 7"
    await parts.gone(job.child)
    assert "half a line" in parts.sink.texts()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
async def test_a_job_whose_process_is_killed_is_lost_with_the_signal(
    parts: Supervised, number: signal.Signals
) -> None:
    """Exactly once."""
    job = await parts.start_job("stays")
    await job.running()
    assert job.child.pid is not None

    os.kill(job.child.pid, number)

    await parts.gone(job.child)
    assert (len(job.losses), job.outcomes) == (1, [])
    assert f"the job's process was ended by {number.name}" in job.losses[0]


async def test_a_job_that_is_asked_to_end_does_so_with_the_reason(parts: Supervised) -> None:
    """An entrypoint that still runs is cancelled after its time."""
    job = await parts.start_job("stays")
    await job.running()

    job.child.shutdown("terminated by LiveKit")

    await parts.gone(job.child)
    assert job.outcomes == [JobOutcome(outcome="completed", reason="terminated by LiveKit")]


async def test_sigterm_to_a_child_ends_its_job_in_order(parts: Supervised) -> None:
    """Anybody may send it, and it is an order to that child alone."""
    job = await parts.start_job("stays")
    await job.running()
    assert job.child.pid is not None

    os.kill(job.child.pid, signal.SIGTERM)

    await parts.gone(job.child)
    assert job.outcomes == [JobOutcome(outcome="completed", reason="the process got SIGTERM")]


async def test_sigint_to_a_child_is_nothing(parts: Supervised) -> None:
    """Ctrl+C in a terminal is the supervisor's to interpret."""
    job = await parts.start_job("stays")
    await job.running()
    assert job.child.pid is not None

    os.kill(job.child.pid, signal.SIGINT)

    job.child.shutdown("that is enough")
    outcome = await job.outcome()
    assert outcome.reason == "that is enough"


async def test_a_job_that_holds_up_its_loop_is_killed_when_its_time_is_over(
    parts: Supervised,
) -> None:
    """It can't hear that it shall end."""
    job = await parts.start_job("blocks")
    await line(parts, "blocking")

    job.child.shutdown("drain")

    outcome = await job.outcome()
    assert outcome.error == "the job's process was killed: its shutdown took longer than 4 s"


async def test_a_job_whose_process_can_not_exit_has_ended_well(parts: Supervised) -> None:
    """The process is killed after its time; the outcome stands."""
    outcome = await ended(parts, "leaves_a_thread")

    assert outcome.outcome == "completed"
    assert parts.changes.reasons("child_failed") == ["was killed: it did not exit after its job"]


async def test_shutdown_callbacks_cost_each_other_nothing(parts: Supervised) -> None:
    """One that raises and one that hangs, and the third is called all the same."""
    outcome = await ended(parts, "has_callbacks")

    messages = parts.sink.messages()
    assert outcome.outcome == "completed"
    assert "told of done" in parts.sink.texts()
    assert "a step of the job's end failed; going on with the next" in messages
    assert "a step of the job's end overran its time; going on without it" in messages


# -- words ---------------------------------------------------------------------------


async def test_a_log_record_arrives_as_data_with_its_job(parts: Supervised) -> None:
    """Level, place, the call's fields, the context's, and whose it is."""
    job = await parts.start_job("logs")

    frame, fields = await record(parts, "from the entrypoint")

    assert (frame.level, frame.logger) == (30, "my_agent")
    assert frame.where.startswith("jobs_app.py:")
    assert frame.fields.items() >= {"attempt": 2, "customer": "c-7"}.items()
    assert fields.items() >= {"job": "AJ_1", "room": "kitchen", "pid": job.child.pid}.items()
    await parts.gone(job.child)


async def test_a_thread_s_log_records_have_the_job_s_fields_too(parts: Supervised) -> None:
    """Threads of libraries inherit no context."""
    await ended(parts, "logs")

    frame, fields = await record(parts, "from a thread")

    assert frame.fields == {"customer": "c-7"}
    assert fields["job"] == "AJ_1"


@pytest.mark.parametrize(
    "text", ["from print", "from print to stderr", "from os.write", "from a subprocess"]
)
async def test_what_a_job_writes_arrives_while_it_runs(parts: Supervised, text: str) -> None:
    """Line by line, with the fields that say whose it is."""
    job = await parts.start_job("prints")

    fields = await line(parts, text)

    assert job.outcomes == []
    assert fields["job"] == "AJ_1"
    assert fields["room"] == "kitchen"


async def test_a_flood_of_logs_is_dropped_and_counted_and_costs_no_job(parts: Supervised) -> None:
    """Every record is accounted for: it came, or it was counted."""
    outcome = await ended(parts, "floods")

    came = sum(message.startswith("flood ") for message in parts.sink.messages())
    dropped = sum(entry.__dict__["count"] for entry in parts.changes.actions("logs_dropped"))
    assert outcome.outcome == "completed"
    assert came + dropped >= 20_000
    assert "flooded" in parts.sink.texts()


async def test_ten_megabytes_of_prints_cost_no_job(parts: Supervised) -> None:
    """What does not fit is lost; no line is torn into two that never were."""
    outcome = await ended(parts, "prints_a_lot")

    await record(parts, "printed it all")
    assert outcome.outcome == "completed"
    assert parts.sink.texts()[0] == "y" * 99


# -- what is left ---------------------------------------------------------------------


async def test_a_program_that_outlives_its_job_does_not_hold_its_seat(parts: Supervised) -> None:
    """It has the child's output open, and its connection."""
    job = await parts.start_job("leaves_a_grandchild")
    await parts.gone(job.child)

    (text,) = [text for text in parts.sink.texts() if text.startswith("grandchild")]
    os.kill(int(text.split()[1]), signal.SIGKILL)
    assert [outcome.outcome for outcome in job.outcomes] == ["completed"]


async def test_many_jobs_leave_nothing(parts: Supervised) -> None:
    """No descriptor, no zombie, no process, whether they end well or not."""
    await run_jobs(parts, 2)
    await parts.idle(2)
    before = open_descriptors()

    await run_jobs(parts, 48)

    await parts.idle(2)
    await parts.changes.until(lambda: len(parts.pool.children) == 2)
    assert open_descriptors() == before
    ours = {child.pid for child in parts.pool.children} | {parts.keeper.view().pid}
    assert ours_alive() == ours


def ours_alive() -> set[int]:
    """Templates and children of this process, and any zombie; its livekit-server is no matter."""
    return {
        process.pid
        for process in psutil.Process().children()
        if process.status() == psutil.STATUS_ZOMBIE or "agentd.template" in process.cmdline()
    }


async def run_jobs(parts: Supervised, count: int) -> None:
    """Run so many jobs one after the other, well and badly ending ones in turn."""
    manners = ("", "raises", "exits_7")
    jobs = [await parts.start_job(manners[n % 3], f"AJ_{n}") for n in range(count)]
    for job in jobs:
        await parts.gone(job.child)


# -- going on elsewhere ----------------------------------------------------------------


async def test_a_job_that_is_handed_over_goes_on_in_another_child(parts: Supervised) -> None:
    """As after a crash, but told: nothing of its end happens in the first, which is no failure."""
    first = await parts.start_job("remembers")
    await line(parts, "step 1 None")

    first.child.hand_over("app.py")

    await parts.gone(first.child)
    assert (first.handed_over, first.losses, first.outcomes) == (1, [], [])
    assert parts.sink.texts().count("its end") == parts.sink.texts().count("was cancelled") == 0
    version, data = first.snapshots[-1]
    resume = Resume(resumes=1, snapshot_version=version, snapshot=data, reason="swap")
    second = await parts.start_job("remembers", resume=resume)
    await line(parts, "step 2 swap")
    assert parts.changes.actions("child_failed") == []
    second.child.kill("the test is over")


async def test_a_job_that_keeps_nothing_is_not_handed_over(parts: Supervised) -> None:
    """It says why, and runs on."""
    job = await parts.start_job("stays")
    await job.running()

    job.child.hand_over("app.py")

    (why,) = await parts.changes.until(lambda: job.refusals)
    assert why.startswith("it keeps nothing")
    assert (job.child.state, job.handed_over) == ("running", 0)


async def test_a_job_that_is_taken_from_its_child_is_nobody_s_loss(parts: Supervised) -> None:
    """Its child is killed, and that is a failure of the child's."""
    job = await parts.start_job("blocks")
    await line(parts, "blocking")
    assert job.child.has_job

    job.child.take_job("it did not hand its job over within 10 s")

    await parts.gone(job.child)
    assert (job.losses, job.outcomes, job.child.has_job) == ([], [], False)
    (failed,) = parts.changes.actions("child_failed")
    assert failed.__dict__["reason"] == "was killed: it did not hand its job over within 10 s"
