"""What users get wrong, with the real command: one clear error, the exit code, no hang."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from agentd.daemon.exits import ExitCode
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, running_daemon, write_app

SECRET = "planted-secret-that-nobody-may-ever-see-in-a-log"
NOWHERE = {
    "LIVEKIT_URL": "ws://127.0.0.1:9",  # discard: nobody listens there
    "LIVEKIT_API_KEY": "some-key",
    "LIVEKIT_API_SECRET": SECRET,
}

GOOD_APP = """\
from agentd import AgentServer
server = AgentServer()
@server.rtc_session
async def entry(ctx):
    pass
"""


async def ended(daemon: Daemon) -> int:
    """Wait for the end by itself; checks what holds for every wrong input."""
    code = await daemon.wait_exit()
    assert "agentd/" not in daemon.errors.replace(str(daemon.root), ""), daemon.errors
    assert daemon.errors.count("error: ") == 1, daemon.output()
    assert SECRET not in daemon.output()
    assert [line for line in daemon.lines if line.get("level") == "ERROR"] == []
    return code


@pytest.fixture
async def plain_server() -> AsyncIterator[str]:
    """A web server that knows nothing of LiveKit; gives its address for a worker."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"ws://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


# -- LiveKit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "code", "told"),
    [
        ({"LIVEKIT_URL": "ftp://host"}, ExitCode.SETTINGS, "'ftp://host' from environment"),
        ({"LIVEKIT_URL": "localhost:7880"}, ExitCode.SETTINGS, "ws://localhost:7880"),
        ({"LIVEKIT_URL": ""}, ExitCode.SETTINGS, "set LIVEKIT_URL in the environment"),
        ({"LIVEKIT_API_KEY": ""}, ExitCode.SETTINGS, "set LIVEKIT_API_KEY in the environment"),
        ({"LIVEKIT_API_SECRET": ""}, ExitCode.SETTINGS, "set LIVEKIT_API_SECRET"),
        ({"AGENTD_MAX_RETRY": "2"}, ExitCode.LIVEKIT_UNREACHABLE, "gave up after 2 attempts"),
        ({"AGENTD_MAX_JOBS": "none"}, ExitCode.SETTINGS, "max_jobs: 'none'"),
    ],
    ids=["scheme", "no scheme", "no url", "no key", "no secret", "unreachable", "number"],
)
async def test_access_that_can_not_work_is_told(
    workdir: Path, variables: dict[str, str], code: ExitCode, told: str
) -> None:
    """The setting is named, with its value and what to do."""
    write_app(workdir, GOOD_APP)
    async with running_daemon(workdir, "start", "app.py", environ=NOWHERE | variables) as daemon:
        assert await ended(daemon) == code

        assert told in daemon.errors


async def test_a_server_that_is_no_livekit_is_told(workdir: Path, plain_server: str) -> None:
    """At once, and not tried again."""
    write_app(workdir, GOOD_APP)
    variables = NOWHERE | {"LIVEKIT_URL": plain_server}
    async with running_daemon(workdir, "start", "app.py", environ=variables) as daemon:
        assert await ended(daemon) == ExitCode.LIVEKIT_REFUSED

        assert "is no LiveKit server" in daemon.errors
        assert "LIVEKIT_URL" in daemon.errors


@pytest.mark.parametrize("wrong", ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"])
async def test_a_wrong_key_or_secret_is_told(
    livekit_server: LiveKitServer, workdir: Path, wrong: str
) -> None:
    """Both are named, since the server does not say which it is; neither is shown."""
    write_app(workdir, GOOD_APP)
    variables = {wrong: SECRET}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=variables
    ) as daemon:
        assert await ended(daemon) == ExitCode.LIVEKIT_REFUSED

        assert "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET" in daemon.errors


# -- the app ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", ["def broken(:", "SyntaxError"]),
        ("import no_such_library\n", ["import no_such_library", "ModuleNotFoundError"]),
        ("def f():\n    raise ValueError('bad day')\nf()\n", ["raise ValueError", "bad day"]),
        ("import sys\nsys.exit(3)\n", ["sys.exit(3)", "exit code 3"]),
        ("from agentd import AgentServer\nserver = AgentServer()\n", ["@server.rtc_session"]),
        ("x = 1\n", ["AgentServer"]),
    ],
    ids=["syntax", "import", "raises", "exits", "no entrypoint", "no server"],
)
async def test_an_app_that_can_not_be_loaded_shows_the_users_own_line(
    workdir: Path, text: str, told: list[str]
) -> None:
    """And none of ours."""
    write_app(workdir, text)
    async with running_daemon(workdir, "start", "app.py", environ=NOWHERE) as daemon:
        assert await ended(daemon) == ExitCode.APP

        assert [words for words in told if words not in daemon.errors] == []


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("missing.py", "missing.py"),
        ("no_such_module:server", "no_such_module"),
        ("app.py:other", "other"),
    ],
)
async def test_an_app_that_is_not_there_is_told(workdir: Path, app: str, told: str) -> None:
    """With the name that was looked for."""
    write_app(workdir, GOOD_APP)
    async with running_daemon(workdir, "start", app, environ=NOWHERE) as daemon:
        assert await ended(daemon) == ExitCode.APP

        assert f"'{told}'" in daemon.errors or told in daemon.errors
        assert "Traceback" not in daemon.errors


async def test_an_app_that_kills_its_process_is_told(workdir: Path) -> None:
    """With the signal that ended it."""
    write_app(workdir, "import os\nos.kill(os.getpid(), 11)\n")
    async with running_daemon(workdir, "start", "app.py", environ=NOWHERE) as daemon:
        code = await ended(daemon)

        assert "SIGSEGV" in daemon.errors
        assert code == ExitCode.APP


async def test_an_app_whose_import_takes_too_long_is_told(workdir: Path) -> None:
    """With the setting that gives it more time."""
    write_app(workdir, "import time\ntime.sleep(60)\n")
    async with running_daemon(
        workdir, "start", "app.py", environ=NOWHERE | {"AGENTD_TEMPLATE_TIMEOUT": "0.5"}
    ) as daemon:
        code = await ended(daemon)

        assert "template_timeout" in daemon.errors
        assert code == ExitCode.APP


# -- the machine -----------------------------------------------------------------------


async def test_a_busy_port_is_told(workdir: Path, taken_port: int) -> None:
    """With the flag that gives another."""
    write_app(workdir, GOOD_APP)
    async with running_daemon(
        workdir, "start", "app.py", "--port", str(taken_port), environ=NOWHERE
    ) as daemon:
        assert await ended(daemon) == ExitCode.PORT_BUSY

        assert f"127.0.0.1:{taken_port}" in daemon.errors
        assert "--port" in daemon.errors


@pytest.mark.parametrize("variable", ["AGENTD_STATE_DIR", "AGENTD_RUNTIME_DIR"])
async def test_a_directory_that_can_not_be_written_is_told(workdir: Path, variable: str) -> None:
    """Below a file there can be no directory, not for root either."""
    write_app(workdir, GOOD_APP)
    directory = str(workdir / "app.py" / "below")
    variables = NOWHERE | {variable: directory}
    async with running_daemon(workdir, "start", "app.py", environ=variables) as daemon:
        assert await ended(daemon) == ExitCode.DIRECTORY

        assert f"'{directory}'" in daemon.errors
        assert variable in daemon.errors


async def test_a_runtime_directory_that_is_too_long_is_told(workdir: Path) -> None:
    """The limit is the kernel's for a Unix socket."""
    write_app(workdir, GOOD_APP)
    variables = NOWHERE | {"AGENTD_RUNTIME_DIR": str(workdir / ("x" * 100))}
    async with running_daemon(workdir, "start", "app.py", environ=variables) as daemon:
        assert await ended(daemon) == ExitCode.DIRECTORY

        assert "too long for a Unix socket" in daemon.errors


@pytest.mark.parametrize(
    ("shared", "variable"), [("state", "AGENTD_RUNTIME_DIR"), ("run", "AGENTD_STATE_DIR")]
)
async def test_a_second_daemon_on_the_same_directory_is_told(
    workdir: Path, shared: str, variable: str
) -> None:
    """Whichever of the two it is; the first one does not notice."""
    write_app(workdir, GOOD_APP)
    async with running_daemon(workdir, "start", "app.py", environ=NOWHERE) as first:
        await first.wait_for(action="http_listening")
        others = NOWHERE | {variable: str(workdir / "other")}
        async with running_daemon(workdir, "start", "app.py", environ=others) as second:
            assert await ended(second) == ExitCode.DIRECTORY

            assert str(workdir / shared) in second.errors
        assert await first.stop() == ExitCode.OK
