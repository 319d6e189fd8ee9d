"""Every command that asks a daemon, with one that is down, drains, is of another version, is no
daemon at all, or may not be asked: one line that says what and what next, and the right code.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp import web
from msgspec import Struct
from msgspec.structs import fields, replace

from agentd.aio.timing import now, within
from agentd.cli.exits import AskExit
from agentd.cli.main import COMMANDS
from agentd.daemon.exits import ExitCode
from agentd.management import answers
from agentd.management.control_server import ControlServer
from agentd.management.feed import EventFeed
from agentd.management.metrics import Metrics
from agentd.management.metrics_view import MetricsView
from agentd.management.views import DrainView
from tests.support.controls import SOON, STATUS, ScriptedControls, full_record, history_of, run

pytestmark = pytest.mark.usefixtures("places")

OK, REFUSED = ExitCode.OK, AskExit.REFUSED


class Command(NamedTuple):
    """One, as it is typed."""

    arguments: tuple[str, ...]
    draining: int = OK
    """Its exit code while the daemon drains."""
    reads_journal: bool = False
    """Whether it goes without a daemon where there is a journal."""


TABLE = (
    Command(("status",)),
    Command(("status", "--tree")),
    Command(("top", "--once")),
    Command(("jobs",), reads_journal=True),
    Command(("jobs", "show", "AJ_1"), reads_journal=True),
    Command(("jobs", "stop", "AJ_1")),
    Command(("jobs", "resume", "AJ_1")),
    Command(("logs",), reads_journal=True),
    Command(("drain", "--no-wait")),
    Command(("undrain",)),
    Command(("reload",), draining=REFUSED),
    Command(("dispatch", "lobby")),
    Command(("simulate",), draining=REFUSED),
    Command(("loglevel", "DEBUG")),
    Command(("stacks",)),
    Command(("config", "--running")),
    Command(("metrics",)),
)
"""Every command that asks a daemon: a new one gets a row."""

NOT_ASKING = {"start", "dev", "call", "models", "init", "completion", "console", "doctor"}
"""Commands that ask none (and `config` without --running)."""

STAYING = (Command(("drain",)), Command(("logs", "--follow"), reads_journal=True))
"""They end with the daemon only, so they are not in all of the tests."""

ALL = (*TABLE, *STAYING)


METRICS = Metrics(MetricsView)
"""What `agentd metrics` shows."""


def typed(command: Command) -> str:
    """How a test of it is called."""
    return " ".join(command.arguments)


EACH = pytest.mark.parametrize("command", TABLE, ids=typed)
EACH_OF_ALL = pytest.mark.parametrize("command", ALL, ids=typed)
Printed = pytest.CaptureFixture[str]


def the_error(captured: str) -> str:
    """The one line on standard error."""
    (line,) = captured.splitlines()
    assert line.startswith("error: ")
    return line


def test_every_command_is_in_the_table() -> None:
    """One that is new can't be forgotten."""
    assert {command.arguments[0] for command in TABLE} | NOT_ASKING >= set(COMMANDS)


# -- down, or not ours ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def typed_badly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, str, str]]]:
    """Each command where no daemon is, and where the user may not ask."""
    root = tmp_path_factory.mktemp("bad")
    empty, closed = root / "empty", root / "closed"
    empty.mkdir()
    closed.mkdir(mode=0o700 if os.getuid() == 0 else 0)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.typed_badly", str(empty), str(closed)],
        input=json.dumps([list(command.arguments) for command in ALL]),
        env={"PATH": os.environ["PATH"], "AGENTD_STATE_DIR": str(root / "state")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    results: dict[str, list[tuple[int, str, str]]] = json.loads(done.stdout)
    return results


@EACH_OF_ALL
def test_without_a_daemon(
    command: Command, typed_badly: dict[str, list[tuple[int, str, str]]]
) -> None:
    """Where was looked, and how to name another place."""
    code, out, err = typed_badly["down"][ALL.index(command)]

    assert (code, out) == (AskExit.NOT_RUNNING, "")
    error = the_error(err)
    assert "no daemon runs in '" in error
    assert "--runtime-dir or AGENTD_RUNTIME_DIR" in error
    assert ("There is no journal either" in error) == command.reads_journal


@EACH_OF_ALL
def test_a_socket_that_the_user_may_not_open(
    command: Command, typed_badly: dict[str, list[tuple[int, str, str]]]
) -> None:
    """As whom to ask."""
    code, out, err = typed_badly["unreadable"][ALL.index(command)]

    assert (code, out) == (AskExit.UNHEALTHY, "")
    error = the_error(err)
    assert "can't be opened: Permission denied" in error
    assert "as the user that the daemon runs as, or as root" in error


# -- draining ------------------------------------------------------------------------------


@EACH
async def test_a_daemon_that_drains(command: Command, workdir: Path, capsys: Printed) -> None:
    """What it does not do then is refused with what to do; all else goes as ever."""
    drain = DrainView(draining=True, reason="release", jobs_left=1, seconds_left=60.0)
    controls = ScriptedControls(replace(STATUS, drain=drain))
    controls.keep(full_record())

    async with ControlServer(workdir / "control.sock", controls, metrics=METRICS):
        code = await run(*command.arguments)

    captured = capsys.readouterr()
    assert code == command.draining
    if command.draining:
        assert "drain" in the_error(captured.err)
    else:
        assert captured.err == ""
        assert captured.out


# -- another version -----------------------------------------------------------------------


@asynccontextmanager
async def answering(
    path: Path, answer: Callable[[web.Request], web.Response]
) -> AsyncIterator[None]:
    """Something that listens on the control socket, and answers everything like this."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path)).start()
        yield
    finally:
        await runner.cleanup()


def older(request: web.Request) -> web.Response:
    """A daemon from before all that is asked of it now."""
    message = f"there is no {request.path}"
    return web.json_response({"error": {"code": "not_found", "message": message}}, status=404)


def sparse(_: web.Request) -> web.Response:
    """A daemon whose answers lack what they must have."""
    return web.json_response({"version": "0.0.1"})


def stranger(_: web.Request) -> web.Response:
    """No agentd at all."""
    return web.Response(text="<h1>It works!</h1>")


def stranger_refusing(_: web.Request) -> web.Response:
    """No agentd, and it does not want to."""
    return web.Response(text="Not Found", status=404)


@pytest.mark.parametrize("answer", [older, sparse, stranger, stranger_refusing])
@EACH
async def test_a_daemon_that_does_not_know_what_is_asked(
    answer: Callable[[web.Request], web.Response], command: Command, workdir: Path, capsys: Printed
) -> None:
    """It is said to be of another version, and what to do about that."""
    async with answering(workdir / "control.sock", answer):
        code = await run(*command.arguments)

    captured = capsys.readouterr()
    assert (code, captured.out) == (AskExit.UNHEALTHY, "")
    error = the_error(captured.err)
    assert "of another version than this command" in error
    assert "ask with the agentd that it was started with, or restart it" in error


@pytest.mark.parametrize("command", STAYING, ids=typed)
async def test_an_older_daemon_that_can_not_be_followed(
    command: Command, workdir: Path, capsys: Printed
) -> None:
    """The same for what is no single answer."""
    async with answering(workdir / "control.sock", older):
        code = await run(*command.arguments)

    assert code == AskExit.UNHEALTHY
    assert "of another version than this command" in the_error(capsys.readouterr().err)


@EACH
async def test_a_later_daemon_tells_more_than_is_understood(
    command: Command, workdir: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this command knows of it is shown."""
    controls = ScriptedControls()
    controls.keep(full_record())
    controls.store.write(history_of("AJ_1"))
    if command.arguments == ("undrain",):
        controls.show_drain(DrainView(draining=True, jobs_left=1))
    monkeypatch.setattr(answers, "as_json", lambda body: msgspec.json.encode(grown(body)))

    async with ControlServer(workdir / "control.sock", controls, metrics=METRICS):
        code = await run(*command.arguments)

    captured = capsys.readouterr()
    assert (code, captured.err) == (OK, "")
    assert captured.out


def grown(shown: Any) -> Any:
    """The same with a field more in each Struct."""
    if isinstance(shown, list | tuple):
        return [grown(each) for each in shown]
    if isinstance(shown, Mapping):
        return {name: grown(value) for name, value in shown.items()}
    if not isinstance(shown, Struct):
        return shown
    known = {field.encode_name: grown(getattr(shown, field.name)) for field in fields(shown)}
    return known | {"added_later": {"of": "another version"}}


# -- following -----------------------------------------------------------------------------


@pytest.fixture
def logger(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    """What the daemon logs with."""
    caplog.set_level(logging.INFO, "agentd")
    return logging.getLogger("agentd.dispatch")


async def test_the_log_is_followed_until_the_daemon_ends(
    workdir: Path, logger: logging.Logger
) -> None:
    """What the journal has, then what comes of that job, and nothing twice."""
    controls, feed = ScriptedControls(), EventFeed()
    controls.store.write(history_of("AJ_1"))
    arguments = ("-m", "agentd", "logs", "--follow", "--job", "AJ_1")
    async with (
        feed.serving(controls),
        ControlServer(workdir / "control.sock", controls, feed),
        typing(*arguments) as command,
    ):
        told = [await next_line(command), await next_line(command)]
        for job in ("AJ_2", "AJ_1"):
            logger.info("it goes on", extra={"action": "job_resumed", "job": job})
        told.append(await next_line(command))
    rest, errors = await within(now() + SOON, command.communicate())

    kinds = ("job_assigned", "child_failed", "job_resumed")
    assert [kind in line for kind, line in zip(kinds, told, strict=True)] == [True] * 3
    assert (rest, errors.decode()) == (b"", "the daemon has ended\n")
    assert command.returncode == OK


@asynccontextmanager
async def typing(*arguments: str) -> AsyncIterator[Process]:
    """A command in a process of its own; the block's end does not end it, but the test's does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    except BaseException:
        process.kill()
        await process.wait()
        raise


async def next_line(process: Process) -> str:
    """The next that it says."""
    assert process.stdout is not None
    return (await within(now() + SOON, process.stdout.readline())).decode()
