"""No key is in anything that a failing run writes: a real daemon, a real server, planted keys."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil
import pytest
from aiohttp import web

from agentd.protocol.app import STACKS_SIGNAL
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import DEADLINE, Callers, Daemon, running_daemon

APP = Path(__file__).parents[1] / "support" / "leaky_app.py"

PLANTED = b"planted"
"""Begins every key but LiveKit's secret, so that half of one is found too."""

TASKS = ("raise", "exit", "http", "say", "state")


class Seen(NamedTuple):
    """What a run has shown."""

    written: dict[str, bytes]
    """By where it was found."""
    verdicts: list[tuple[str, str]]
    """What the server thinks of each job."""


class Places:
    """The keys, where they are, and all that was written by a run."""

    def __init__(self, root: Path, server: LiveKitServer) -> None:
        self.root = root / "daemon"
        self.root.mkdir()
        keys = root / "keys"
        (keys / "systemd").mkdir(parents=True)
        (keys / "secret").write_text(f"{server.api_secret}\n")
        (keys / "speech").write_text("planted-in-a-file-0f8e\n")
        (keys / "systemd" / "voice_api_key").write_text("planted-by-systemd-77aa\n")
        self.secret = server.api_secret.encode()
        self.environ = {
            "LIVEKIT_API_SECRET": "",
            "LIVEKIT_API_SECRET_FILE": str(keys / "secret"),
            "OPENAI_API_KEY": "planted-in-the-environment-31c2",
            "SPEECH_API_KEY_FILE": str(keys / "speech"),
            "CREDENTIALS_DIRECTORY": str(keys / "systemd"),
            "CRM_PASSWORD": "planted-for-a-tool-5d1b",
            "HARMLESS_NAME": "planted-and-given-9e4f",
        }
        shutil.copy(APP, self.root / "app.py")

    def files(self) -> dict[str, bytes]:
        """Every file of the daemon's directories: journal, its WAL, whatever else."""
        found = [path for path in self.root.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in found
            if path.suffix not in (".py", ".pyc")
        }

    def leaks(self, written: Mapping[str, bytes]) -> list[str]:
        """Where a key is, with what is around it."""
        return [
            f"{name}: {data[max(0, place - 200) : place + 100]!r}"
            for name, data in written.items()
            for key in (PLANTED, self.secret)
            if (place := data.find(key)) >= 0
        ]


@pytest.fixture
def places(tmp_path: Path, livekit_server: LiveKitServer) -> Places:
    return Places(tmp_path, livekit_server)


@pytest.fixture
async def service() -> AsyncIterator[str]:
    """A service that repeats in its error what it was sent."""

    async def refuse(request: web.Request) -> web.Response:
        message = f"no access for {request.headers['Authorization']}"
        return web.json_response({"error": {"message": message, "code": "no"}}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def until(come: Callable[[], bool]) -> None:
    """Wait for something in either form of the log."""
    async with asyncio.timeout(DEADLINE):
        while not come():  # noqa: ASYNC110 - lines of the console form can't be waited for by field
            await asyncio.sleep(0.05)


def said(daemon: Daemon, *words: str) -> bool:
    """Whether a line has all of these words."""
    return any(all(word in json.dumps(line) for word in words) for line in daemon.lines)


async def run(daemon: Daemon, environ: Mapping[str, str], *arguments: str) -> bytes:
    """All that `agentd ARGUMENTS` writes, with the daemon's environment."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentd", *arguments),
        cwd=daemon.root,
        env={**os.environ, **environ},
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        out, err = await process.communicate()
    return out + err


async def asked(daemon: Daemon, places: Places, jobs: list[str]) -> dict[str, bytes]:
    """What the daemon says when it is asked, by HTTP and by the control socket."""
    here = {
        **places.environ,
        "AGENTD_STATE_DIR": str(daemon.root / "state"),
        "AGENTD_RUNTIME_DIR": str(daemon.root / "run"),
    }
    commands = [
        ("status", "--json"),
        ("jobs", "--json"),
        *(("jobs", "show", job, "--json") for job in jobs),
        ("config", "app.py", "--json"),
        ("config", "app.py", "--dev"),
    ]
    answers = {" ".join(words): await run(daemon, here, *words) for words in commands}
    connector = aiohttp.UnixConnector(str(daemon.root / "run" / "control.sock"))
    async with aiohttp.ClientSession(connector=connector) as session:
        for path in ("status", "tree", "jobs", *(f"jobs/{job}" for job in jobs)):
            async with session.get(f"http://agentd/api/v1/{path}") as answer:
                answers[f"api/{path}"] = await answer.read()
    return answers


def command_lines(processes: list[psutil.Process]) -> dict[str, bytes]:
    """As everybody on the machine can read them."""
    return {
        f"cmdline of {process.pid}": Path(f"/proc/{process.pid}/cmdline").read_bytes()
        for process in processes
    }


async def a_failing_run(daemon: Daemon, callers: Callers, places: Places) -> Seen:
    """Jobs that fail, each in its own way, beside one that goes on; and what can be seen of it."""
    await until(lambda: said(daemon, "ready for jobs"))
    held = await callers.dispatch(daemon, "hold")
    await until(lambda: said(daemon, "holding"))
    written = command_lines(daemon.processes())
    for process in daemon.children():
        process.send_signal(STACKS_SIGNAL)
    jobs = [await failed_job(daemon, callers, task) for task in TASKS]
    written |= {f"{name}, while it ran": data for name, data in places.files().items()}
    written |= await asked(daemon, places, jobs)
    verdicts = [await callers.verdict(job) for job in jobs]
    await callers.delete_room(held.room)
    return Seen(written, verdicts)


async def begun_job(daemon: Daemon, callers: Callers, task: str) -> str:
    """Have a job made; its id, from either form of the log."""
    room = (await callers.dispatch(daemon, task)).room
    await until(lambda: said(daemon, room, "job_assigned"))
    line = next(json.dumps(each) for each in daemon.lines if room in json.dumps(each))
    match = re.search(r"AJ_\w+", line)
    assert match is not None, line
    return match[0]


async def failed_job(daemon: Daemon, callers: Callers, task: str) -> str:
    """Have a job run to its end; its id."""
    job = await begun_job(daemon, callers, task)
    await until(lambda: said(daemon, job, "job_ended"))
    return job


@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_key_is_in_anything_that_a_failing_run_writes(
    form: str,
    places: Places,
    service: str,
    livekit_server: LiveKitServer,
    callers: Callers,
) -> None:
    """Log, output, journal, state, command lines, answers, and what the server is told."""
    environ = {
        **places.environ,
        "SERVICE_URL": service,
        "AGENTD_LOG_LEVEL": "TRACE",
        "AGENTD_LOG_FORMAT": form,
    }

    async with running_daemon(
        places.root, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        seen = await a_failing_run(daemon, callers, places)
        assert await daemon.stop() == 0

    told = {"the server": json.dumps(seen.verdicts), "the daemon": daemon.output()}
    written = seen.written | {name: text.encode() for name, text in told.items()}
    assert places.leaks(written | places.files()) == []
    errors = dict(zip(TASKS, (error for _, error in seen.verdicts), strict=True))
    assert errors["raise"] == "ValueError: refused: *** *** *** *** *** ***"
    assert errors["exit"] == "SystemExit: bye *** *** *** *** *** ***"
    assert "no access for Bearer ***" in errors["http"]
    assert said(daemon, "printed *** *** *** *** *** ***")
    assert said(daemon, "resumed True", "********")


@pytest.mark.parametrize(("variable", "code"), [("LEAKY_IMPORT", 3), ("LEAKY_PREWARM", 0)])
async def test_an_app_that_can_not_start_tells_no_key(
    variable: str, code: int, places: Places, livekit_server: LiveKitServer
) -> None:
    """Neither on standard error, where the command ends, nor where warm children fail."""
    environ = {**places.environ, variable: "yes", "AGENTD_LOG_LEVEL": "TRACE"}

    async with running_daemon(
        places.root, "start", "app.py", "--verbose", server=livekit_server, environ=environ
    ) as daemon:
        if code:
            assert await daemon.wait_exit() == code
        else:
            await daemon.wait_for(action="child_failed")
            assert await daemon.stop() == code

    written = {"the daemon": daemon.output().encode(), **places.files()}
    assert places.leaks(written) == []
    assert "*** *** *** *** *** ***" in daemon.output()
