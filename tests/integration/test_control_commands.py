"""status, jobs, drain and reload against a served script of a daemon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentd.aio.timing import now, within
from agentd.cli.exits import AskExit
from agentd.cli.main import main
from agentd.daemon.exits import ExitCode
from agentd.figures import Tally
from agentd.figures.families import TURNS
from agentd.journal.records import Batch
from agentd.journal.sqlite import SqliteStore
from agentd.management.client import ControlClient
from agentd.management.control_server import ControlServer
from agentd.management.health import Problem
from agentd.management.metrics import Metrics
from agentd.management.metrics_view import MetricsView
from tests.support.controls import (
    SOON,
    STATUS,
    TOKEN,
    ScriptedControls,
    full_record,
    history_of,
    run,
)

pytestmark = pytest.mark.usefixtures("places")


Printed = pytest.CaptureFixture[str]

# -- status --------------------------------------------------------------------------


async def test_the_status_is_told_in_words(controls: ScriptedControls, capsys: Printed) -> None:
    """What an operator asks first."""
    assert await run("status") == ExitCode.OK

    text = capsys.readouterr().out
    for words in (
        "serving, agentd 1.2.3, pid",
        "up 1 h 2 min, agent 'clerk'",
        "registered as AW_1",
        "1 of 4 busy, 2 warm, 1 starting",
        "generation 3",
        "on disk",
        "AJ_1  running, 12.0 s old, 1 resume, room lobby",
        "2 offers: all 4 slots are taken",
    ):
        assert words in text


async def test_json_is_what_the_api_gives(controls: ScriptedControls, capsys: Printed) -> None:
    """For programs."""
    assert await run("status", "--json") == ExitCode.OK

    document = json.loads(capsys.readouterr().out)
    assert (document["pool"]["slots"], document["link"]["phase"]) == (4, "registered")


async def test_the_tree_is_drawn(controls: ScriptedControls, capsys: Printed) -> None:
    """As supervision draws it."""
    assert await run("status", "--tree") == ExitCode.OK

    assert "└── template  backoff for 2.0 s, next start in 1.5 s" in capsys.readouterr().out


async def test_what_is_wrong_is_said_and_gives_its_own_code(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """A monitor can tell it from a daemon that does not run."""
    controls.shown = replace(STATUS, problems=(Problem(part="pool", message="no warm child"),))

    assert await run("status") == AskExit.UNHEALTHY
    assert await run("status", "--json") == AskExit.UNHEALTHY

    assert "wrong      pool: no warm child" in capsys.readouterr().out


async def test_names_from_outside_do_not_steer_the_terminal(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """A caller chooses the name of the room; it may not clear the operator's screen."""
    evil = replace(STATUS.jobs[0], room="\x1b[2J\x9b2J[red]\n")
    controls.shown = replace(STATUS, jobs=(evil,))
    controls.keep(replace(full_record(), room="\x1b[2J\x9b2J[red]\n"))

    codes = [await run("status"), await run("jobs"), await run("jobs", "show", "AJ_1")]

    text = capsys.readouterr().out
    assert codes == [0, 0, 0]
    assert not {"\x1b", "\x9b"} & set(text)
    assert text.count(r"\x1b[2J\x9b2J[red]\n") == 3


async def test_top_prints_one_frame_where_there_is_no_terminal(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """For a pipe, a log, `watch`."""
    assert await run("top") == ExitCode.OK

    text = capsys.readouterr().out
    for words in ("clerk  healthy  registered", "up 1 h 2 min", "AJ_1      running   12.0 s"):
        assert words in text
    assert "\x1b" not in text


# -- metrics -------------------------------------------------------------------------


@pytest.fixture
async def counting(workdir: Path) -> AsyncIterator[Tally]:
    """What the daemon in the runtime directory counts."""
    tally = Tally()
    served = Metrics(lambda: MetricsView(draining=False), tally)
    async with ControlServer(workdir / "control.sock", ScriptedControls(), metrics=served):
        yield tally


async def test_figures_are_shown_as_a_table(counting: Tally, capsys: Printed) -> None:
    """Those that say something; or those of a name."""
    counting.add(TURNS, 3)

    assert await run("metrics") == ExitCode.OK
    everything = capsys.readouterr().out
    assert await run("metrics", "turns") == ExitCode.OK
    some = capsys.readouterr().out

    assert "process_open_fds" in everything
    assert [line.split() for line in some.splitlines()[1:]] == [["agentd_turns_total", "3"]]


async def test_figures_are_shown_as_prometheus_reads_them(counting: Tally, capsys: Printed) -> None:
    """For programs."""
    assert await run("metrics", "--raw") == ExitCode.OK

    assert "\nagentd_turns_total 0.0\n" in capsys.readouterr().out


# -- finding the daemon --------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["drain"], ["reload"], ["metrics"], ["jobs", "stop", "AJ_1"], ["jobs"], ["top"]],
)
def test_without_a_daemon_the_error_says_where_was_looked(
    arguments: list[str], workdir: Path, capsys: Printed
) -> None:
    """And how to name another place."""
    assert main(arguments) == AskExit.NOT_RUNNING

    captured = capsys.readouterr()
    assert f"no daemon runs in '{workdir}' (environment AGENTD_RUNTIME_DIR)" in captured.err
    assert "--runtime-dir" in captured.err
    assert captured.out == ""


def test_a_socket_of_a_dead_daemon_is_no_daemon(workdir: Path) -> None:
    """It was killed and left its file."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(workdir / "control.sock"))
    left.close()

    assert main(["status"]) == AskExit.NOT_RUNNING


@pytest.mark.parametrize("arguments", [["status"], ["jobs"], ["reload"]])
async def test_the_flag_says_where(
    arguments: list[str], controls: ScriptedControls, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    """It wins over the environment."""
    monkeypatch.setenv("AGENTD_RUNTIME_DIR", "/nonexistent")

    assert await run(*arguments, "--runtime-dir", str(workdir)) == ExitCode.OK


async def test_a_flag_of_the_group_holds_for_its_commands(
    controls: ScriptedControls, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    """`jobs --runtime-dir X stop ID` and `jobs stop ID --runtime-dir X` are the same."""
    monkeypatch.setenv("AGENTD_RUNTIME_DIR", "/nonexistent")

    assert await run("jobs", "--runtime-dir", str(workdir), "stop", "AJ_1") == ExitCode.OK


async def test_the_configuration_file_says_where(
    controls: ScriptedControls, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    """As it does for `start`."""
    monkeypatch.delenv("AGENTD_RUNTIME_DIR")
    (workdir / "agentd.toml").write_text(f'[paths]\nruntime_dir = "{workdir}"')

    assert await run("status") == ExitCode.OK


@asynccontextmanager
async def dev_daemons(workdir: Path, count: int) -> AsyncIterator[None]:
    """Daemons as `agentd dev` starts them, and the folder of one that was killed."""
    folders = [workdir / f"dev-{number}" for number in range(count + 1)]
    for folder in folders:
        folder.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folders.pop() / "control.sock"))
    async with AsyncExitStack() as stack:
        for folder in folders:
            path = folder / "control.sock"
            await stack.enter_async_context(ControlServer(path, ScriptedControls()))
        yield
        for folder in folders:
            # Once this is answered, so are those who had connected before and said nothing.
            async with ControlClient(folder / "control.sock") as client:
                await client.status()


async def test_the_one_dev_daemon_is_found(workdir: Path) -> None:
    """Nobody knows the number in its folder's name."""
    async with dev_daemons(workdir, 1):
        assert await run("status") == ExitCode.OK


async def test_of_several_dev_daemons_one_must_be_named(workdir: Path, capsys: Printed) -> None:
    """The error has what to type; dead ones are not in it."""
    async with dev_daemons(workdir, 2):
        assert await run("status") == AskExit.UNHEALTHY

    text = capsys.readouterr().err
    assert f"--runtime-dir {workdir}/dev-0  (pid {os.getpid()})" in text
    assert f"--runtime-dir {workdir}/dev-1  (pid {os.getpid()})" in text
    assert "dev-2" not in text


# -- jobs ----------------------------------------------------------------------------


async def test_jobs_are_listed(controls: ScriptedControls, capsys: Printed) -> None:
    """With how they ended and why, the newest first."""
    controls.keep(full_record("AJ_old", ended=True), full_record("AJ_new"))

    assert await run("jobs") == ExitCode.OK

    text = capsys.readouterr().out
    assert text.index("AJ_new") < text.index("AJ_old")
    assert "failed" in text
    assert "its child died too often" in text
    assert "1 min 1 s" in text


async def test_more_jobs_than_wanted_are_pointed_to(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """With the flag for the next page."""
    controls.keep(*(full_record(f"AJ_{n}") for n in range(3)))

    assert await run("jobs", "--limit", "2") == ExitCode.OK
    assert "--before AJ_1" in capsys.readouterr().err

    assert await run("jobs", "--limit", "2", "--before", "AJ_1", "--json") == ExitCode.OK
    assert [job["id"] for job in json.loads(capsys.readouterr().out)["jobs"]] == ["AJ_0"]


async def test_a_job_is_shown_from_top_to_bottom(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """Facts, states, events, then post-mortems with their stacks on lines of their own."""
    controls.keep(full_record(ended=True))
    controls.store.write(history_of("AJ_1"))

    assert await run("jobs", "show", "AJ_1") == ExitCode.OK

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    order = [
        "job AJ_1: failed: its child died too often",
        "identity   agent-7",
        "resumes    1",
        "2 events",
        "ended by SIGKILL; the job goes on in another child",
        "signal=9",
        "stacks:",
        'File "app.py", line 7 in wait',
        "last_lines:",
        "one",
        r"two \x1b[31mred",
    ]
    places = [lines.index(line) for line in order]
    assert places == sorted(places)
    assert any(line.endswith('the child died [c1] signal=9 next={"in":0.5}') for line in lines)


async def test_an_unknown_job_has_a_code_of_its_own(
    controls: ScriptedControls, capsys: Printed
) -> None:
    """For scripts that ask whether there is one."""
    codes = [await run("jobs", "show", "AJ_9"), await run("jobs", "stop", "AJ_9")]

    assert codes == [AskExit.REFUSED, AskExit.REFUSED]
    assert "the journal knows no job 'AJ_9'" in capsys.readouterr().err


async def test_a_job_is_stopped_for_a_reason(controls: ScriptedControls) -> None:
    """It reaches the daemon as it was typed."""
    assert await run("jobs", "stop", "AJ_1", "--reason", "wrong number") == ExitCode.OK

    assert controls.asked == [("stop", "AJ_1", "wrong number")]


def left_journal(workdir: Path) -> Path:
    """A journal that a daemon left."""
    path = workdir / "state" / "journal.db"
    path.parent.mkdir()
    store = SqliteStore(path)
    store.write(Batch(jobs=(full_record(),)))
    store.write(history_of("AJ_1"))
    store.close()
    return path


@pytest.mark.parametrize(
    "arguments",
    [["jobs"], ["jobs", "show", "AJ_1"], ["jobs", "--json"], ["logs"], ["logs", "--json"]],
)
def test_without_a_daemon_its_journal_is_read(
    arguments: list[str], workdir: Path, capsys: Printed
) -> None:
    """The note says whose it is; nothing is changed or left beside it, no token is shown."""
    path = left_journal(workdir)
    before = path.read_bytes()

    assert main(arguments) == ExitCode.OK

    captured = capsys.readouterr()
    assert "AJ_1" in captured.out
    assert f"no daemon runs; this is what '{path}' was left with" in captured.err
    assert TOKEN not in captured.out
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["journal.db"]


def test_a_job_that_the_left_journal_does_not_know(workdir: Path, capsys: Printed) -> None:
    """The same word and code as from a daemon."""
    left_journal(workdir)

    assert main(["jobs", "show", "AJ_9"]) == AskExit.REFUSED
    assert "the journal knows no job 'AJ_9'" in capsys.readouterr().err


def test_a_damaged_journal_is_told(workdir: Path, capsys: Printed) -> None:
    """In one line."""
    left_journal(workdir).write_bytes(b"no database at all" * 100)

    assert main(["jobs"]) != ExitCode.OK

    assert "is damaged" in capsys.readouterr().err


# -- drain and reload ----------------------------------------------------------------


async def test_reload_asks_for_new_code(controls: ScriptedControls, capsys: Printed) -> None:
    """And says that it did."""
    assert await run("reload") == ExitCode.OK
    assert await run("reload", "--swap") == ExitCode.OK

    assert controls.asked == [("reload",), ("reload", "swap")]
    assert "imports the app anew" in capsys.readouterr().out


async def test_drain_without_waiting_only_asks(controls: ScriptedControls) -> None:
    """For scripts that wait otherwise."""
    assert await run("drain", "--no-wait", "--reason", "release") == ExitCode.OK

    assert controls.asked == [("drain", "release")]


class DrainCommand:
    """`agentd drain` in a process of its own, line by line."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next that it says."""
        assert self.process.stdout is not None
        return (await within(now() + SOON, self.process.stdout.readline())).decode().strip()

    async def end(self) -> tuple[str, int]:
        """What else it said, on standard error too, and its exit code."""
        out, err = await within(now() + SOON, self.process.communicate())
        assert self.process.returncode is not None
        return (out + err).decode(), self.process.returncode


@asynccontextmanager
async def draining(*arguments: str) -> AsyncIterator[DrainCommand]:
    """A command that waits for a drain."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "drain", *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield DrainCommand(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def daemon_process(workdir: Path) -> AsyncIterator[Process]:
    """A daemon of one job in a process of its own, which ends when that has."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.draining_daemon",
        str(workdir / "control.sock"),
        cwd=Path(__file__).parents[2],
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await within(now() + SOON, process.stdout.readline()) == b"ready\n"
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


def tell(process: Process, command: str) -> None:
    """Tell the scripted daemon to go on."""
    assert process.stdin is not None
    process.stdin.write(f"{command}\n".encode())


async def test_a_drain_is_followed_until_the_daemon_has_ended(daemon_process: Process) -> None:
    """So that the next one can be started right after."""
    async with draining("--reason", "release") as command:
        assert await command.line() == "1 job left, ended in 9.0 s at the latest (release)"

        tell(daemon_process, "finish")

        text, code = await command.end()
    assert text == "0 jobs left (release)\ndrained; the daemon has ended\n"
    assert code == ExitCode.OK
    assert daemon_process.returncode == 0 or await within(now() + SOON, daemon_process.wait()) == 0


async def test_jobs_that_had_to_be_ended_give_their_own_code(daemon_process: Process) -> None:
    """The same as the daemon's own."""
    async with draining("--reason", "release") as command:
        await command.line()

        tell(daemon_process, "overrun")
        assert "being ended: the drain timeout is over" in await command.line()
        tell(daemon_process, "finish")

        text, code = await command.end()
    assert "jobs outlasted the drain timeout and were ended" in text
    assert code == ExitCode.DRAIN_TIMEOUT


async def test_a_daemon_that_dies_while_it_drains_is_told(daemon_process: Process) -> None:
    """With the jobs that it had."""
    async with draining() as command:
        await command.line()

        daemon_process.kill()

        text, code = await command.end()
    assert "the daemon ended with 1 job left" in text
    assert code == AskExit.UNHEALTHY


async def test_control_c_ends_the_watching_only(daemon_process: Process) -> None:
    """The daemon drains on; what is left is said."""
    async with draining("--reason", "release") as command:
        await command.line()

        command.process.send_signal(signal.SIGINT)

        text, code = await command.end()
    assert text.startswith("stopped watching; the daemon goes on draining: 1 job left")
    assert code == ExitCode.FORCED
    assert daemon_process.returncode is None
