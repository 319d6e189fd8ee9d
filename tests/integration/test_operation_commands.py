"""undrain, dispatch, simulate, loglevel, stacks and the like, against a script of a daemon."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from agentd.cli.exits import AskExit
from agentd.daemon.exits import ExitCode
from agentd.management.operations import ProcessStacks, StacksRequest, StacksView
from agentd.management.views import ChildEntry, DrainView, JobDetails
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobView
from tests.support.controls import ScriptedControls, full_record, history_of, run

pytestmark = pytest.mark.usefixtures("places")

Printed = pytest.CaptureFixture[str]


async def test_a_drain_is_taken_back(controls: ScriptedControls, capsys: Printed) -> None:
    """With the reason that was typed; without a drain it is refused."""
    controls.show_drain(DrainView(draining=True, jobs_left=1))

    codes = [await run("undrain", "--reason", "called off"), await run("undrain")]

    assert codes == [ExitCode.OK, AskExit.REFUSED]
    assert controls.asked[0] == ("undrain", "called off")
    assert "takes new jobs again" in capsys.readouterr().out


async def test_a_job_is_moved(controls: ScriptedControls, capsys: Printed) -> None:
    """And where to read how it went."""
    codes = [
        await run("jobs", "resume", "AJ_1", "--reason", "slow"),
        await run("jobs", "resume", "AJ_9"),
    ]

    captured = capsys.readouterr()
    assert codes == [ExitCode.OK, AskExit.REFUSED]
    assert controls.asked[0] == ("resume", "AJ_1", "slow")
    assert "agentd logs --job AJ_1" in captured.out
    assert "no job 'AJ_9' runs here" in captured.err


async def test_an_agent_is_sent_to_a_room(controls: ScriptedControls, capsys: Printed) -> None:
    """The daemon's own unless another is named."""
    typed = ("dispatch", "lobby", "--metadata", "hi")
    assert await run(*typed) == ExitCode.OK
    assert await run("dispatch", "lobby", "--agent", "cook", "--json") == ExitCode.OK

    first, _, document = capsys.readouterr().out.partition("\n")
    assert controls.asked == [
        ("dispatch", "lobby", "clerk", "hi"),
        ("dispatch", "lobby", "cook", ""),
    ]
    assert first == "dispatch AD_1: agent 'clerk' to room 'lobby', which was made"
    assert json.loads(document)["agent_name"] == "cook"


@pytest.mark.parametrize(
    "arguments",
    [
        ("dispatch",),
        ("loglevel", "LOUD"),
        ("simulate", "--seconds", "0"),
        ("simulate", "--seconds", "3601"),
        ("logs", "--limit", "0"),
        ("config", "app.py", "--running"),
    ],
)
async def test_what_can_not_be_meant_is_a_usage_error(
    controls: ScriptedControls, arguments: tuple[str, ...]
) -> None:
    """The daemon is not asked."""
    assert await run(*arguments) == ExitCode.USAGE
    assert controls.asked == []


async def test_a_name_that_is_no_line_is_refused(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """It would end up in logs."""
    codes = [
        await run("dispatch", "lob\nby"),
        await run("dispatch", ""),
        await run("dispatch", "x" * 201),
        await run("simulate", "--room", "\x1b[2J"),
        await run("logs", "--job", "a\nb"),
        await run("stacks", "--child", "\x07"),
    ]

    assert codes == [AskExit.REFUSED] * 6
    assert controls.asked == []
    assert "\x1b[2J" not in capsys.readouterr().err


async def test_a_job_is_simulated(controls: ScriptedControls, capsys: Printed) -> None:
    """And where to look at it."""
    assert await run("simulate", "--metadata", "hi") == ExitCode.OK

    assert controls.asked == [("simulate", "", "hi")]
    assert capsys.readouterr().out.splitlines() == [
        "job SIM_1 in room 'simulation-1', for 60 s at most",
        "agentd jobs show SIM_1",
    ]


async def test_the_log_level_is_changed(controls: ScriptedControls, capsys: Printed) -> None:
    """In letters of any size."""
    assert await run("loglevel", "debug") == ExitCode.OK

    assert controls.asked == [("log_level", "DEBUG")]
    assert capsys.readouterr().out == "DEBUG instead of INFO, also for 3 children\n"


async def test_stacks_are_shown_by_process(
    controls: ScriptedControls, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what kept one from answering; nothing in them steers the terminal."""

    async def stacks(_: StacksRequest) -> StacksView:
        own = ProcessStacks(process="supervisor", pid=1, text='Thread 1:\n  File "\x1b[2J"')
        child = ProcessStacks(process="c1", pid=7, job="AJ_1", note="no stacks came: state D")
        return StacksView(processes=(own, child))

    monkeypatch.setattr(controls, "stacks", stacks)

    assert await run("stacks") == ExitCode.OK

    assert capsys.readouterr().out.splitlines() == [
        "== supervisor, pid 1",
        "Thread 1:",
        r'  File "\x1b[2J"',
        "",
        "== c1, pid 7, job AJ_1",
        "(no stacks came: state D)",
        "",
    ]


async def test_the_settings_in_force_are_shown(controls: ScriptedControls, capsys: Printed) -> None:
    """As `config` shows what would be."""
    codes = [await run("config", "--running"), await run("config", "--running", "--json")]

    table, _, document = capsys.readouterr().out.partition("{")
    assert codes == [ExitCode.OK] * 2
    assert "max_jobs" in table
    assert "flag --max-jobs" in table
    assert json.loads("{" + document)["max_jobs"] == {
        "section": "pool",
        "value": 4,
        "from": "flag --max-jobs",
    }


async def test_what_only_the_daemon_knows_of_a_job_is_shown_too(
    controls: ScriptedControls, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its child at this moment, and the latencies of the last turn."""
    controls.keep(full_record())
    found = await controls.job(JobId("AJ_1"))
    assert found is not None

    async def job(_: JobId) -> JobDetails:
        live = JobView(
            id="AJ_1", room="lobby", state="running", age=61.0, turns=3, latency={"e2e": 0.61}
        )
        on = ChildEntry(id="c1", slot=2, state="running", age=75.0, memory_mb=31.4, outdated=True)
        return replace(found, live=live, on=on)

    monkeypatch.setattr(controls, "job", job)

    assert await run("jobs", "show", "AJ_1") == ExitCode.OK

    text = capsys.readouterr().out
    assert "process    running, 1 min 15 s old, 31 MB, slot 2, old code" in text
    assert "turns      3 answered, the last one: e2e 0.61 s" in text


async def test_what_happened_is_told_from_the_oldest_on(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """A program gets an object a line; that there is more is said."""
    controls.store.write(history_of("AJ_1"))

    codes = [await run("logs"), await run("logs", "--json", "--limit", "1")]

    captured = capsys.readouterr()
    first, second, document = captured.out.splitlines()
    assert codes == [ExitCode.OK] * 2
    assert "child_failed         the child died [c1] [AJ_1] signal=9" in second
    assert "job_assigned" in first
    assert json.loads(document)["kind"] == "child_failed"
    assert "there are older ones" in captured.err
