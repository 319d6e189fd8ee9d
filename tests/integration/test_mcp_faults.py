"""MCP servers that die, hang, refuse or never come: what a model is told, and what is left."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
from aiohttp import web

from agentd.aio.timing import now
from agentd.llm.mcp import MCPServerHTTP, MCPServerStdio
from agentd.supervision.spec import BackoffSettings
from tests.support.mcp_servers import (
    DEADLINE,
    ROOT,
    http_process,
    http_server,
    is_alive,
    opened,
    seen_dead,
    stdio_server,
)

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts without long waits."""
    monkeypatch.setattr("agentd.llm.mcp.server.BACKOFF", BackoffSettings(base=0.01, cap=0.3))


async def test_a_process_that_is_killed_in_a_call_comes_back() -> None:
    """The model is told what happened, and that nobody knows what the tool has done."""
    async with opened(stdio_server()) as box:
        before = (await box.call("pid")).output

        died = await box.call("die")

        assert died.is_error
        assert "its process was ended by SIGKILL" in died.output
        assert "Whether the tool did its work is unknown" in died.output
        await box.until(lambda: box.toolset.mcp_server.initialized)
        assert (await box.call("pid")).output != before


async def test_a_process_that_hears_nothing_any_more_is_replaced() -> None:
    """A call that is not answered in time raises the question, and a ping answers it."""
    server = stdio_server(client_session_timeout_seconds=6.0)
    async with opened(server, {"freeze": {"timeout": 0.3}}) as box:
        frozen = int((await box.call("pid")).output)

        output = await box.call("freeze")

        assert "did not answer within 0.3 s" in output.output
        await seen_dead(frozen)
        await box.until(lambda: server.initialized)
        assert (await box.call("add", a=1, b=2)).output == "3"


async def test_a_server_over_http_may_be_started_anew() -> None:
    """It has forgotten the session: another is made, and the tools go on."""
    with http_process() as process:
        async with opened(http_server(process.url)) as box:
            assert (await box.call("add", a=1, b=2)).output == "3"
            process.kill()

            lost = await box.call("add", a=1, b=2)
            process.start()

            assert lost.is_error
            assert "can't be reached" in lost.output
            await box.until(lambda: box.toolset.mcp_server.initialized)
            assert (await box.call("add", a=1, b=2)).output == "3"


async def test_a_server_over_http_that_dies_in_a_call_is_told() -> None:
    """At once, not at the call's deadline."""
    with http_process() as process:
        async with opened(http_server(process.url)) as box:
            began = now()
            died = await box.call("die")

    assert died.is_error
    assert "Whether" in died.output
    assert now() - began < 20.0


@pytest.mark.usefixtures("quickly")
async def test_a_server_that_keeps_failing_is_given_up_once_and_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its tools are offered no more, which is said once, until it is there."""
    with http_process() as process:
        async with opened(http_server(process.url)) as box:
            process.kill()
            lost = await box.call("add", a=1, b=2)
            await box.until(lambda: box.toolset.mcp_server.given_up)

            assert lost.is_error
            assert box.names == []
            process.start()
            await box.until(lambda: bool(box.names))
            assert (await box.call("add", a=1, b=2)).output == "3"

    said = [record for record in caplog.records if vars(record).get("action") == "mcp_given_up"]
    assert len(said) == 1


@pytest.mark.usefixtures("quickly")
async def test_a_command_that_is_not_there_is_no_error_of_the_session() -> None:
    """It goes on without the tools; the log says why."""
    server = MCPServerStdio("no-such-command")
    async with opened(server) as box:
        await box.until(lambda: server.given_up)

        assert box.names == []
        assert server.fault == "its process ended with exit code 127"


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    """Also one that ignores all that asks it to end."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile 1: signal.pause()"
    server = MCPServerStdio(sys.executable, ["-c", code], client_session_timeout_seconds=0.3)
    began = now()

    async with opened(server) as box:
        assert now() - began < 10.0
        assert box.names == []

    assert [one for one in psutil.Process().children() if code in one.cmdline()] == []


async def test_nothing_of_a_process_is_left_when_it_was_closed() -> None:
    """Not even what it has started itself."""
    async with opened(stdio_server()) as box:
        server = int((await box.call("pid")).output)
        spawned = int((await box.call("spawn")).output)

    await seen_dead(spawned)
    assert not is_alive(server)


async def test_a_process_dies_with_ours_however_that_dies() -> None:
    """Also one that would not hear that its stdin is closed."""
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.mcp_starter", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    async with asyncio.timeout(DEADLINE):
        server = int(await starter.stdout.readline())

    starter.send_signal(signal.SIGKILL)

    await seen_dead(server)
    await starter.wait()


async def test_no_key_of_ours_is_in_a_processs_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is given is, and what any command needs."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "planted")
    async with opened(stdio_server(env={"GIVEN": "1"})) as box:
        names = set((await box.call("environment")).output.split())

    assert {"GIVEN", "PATH"} <= names
    assert names <= {"GIVEN", "HOME", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}


async def test_what_a_process_writes_to_stderr_is_in_our_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the server's name."""
    caplog.set_level("INFO", "agentd.mcp")
    async with opened(stdio_server(name="office")) as box:
        await box.call("complain", text="no paper")

    facts = [vars(one) for one in caplog.records if vars(one).get("action") == "mcp_stderr"]
    assert ("office", "no paper") in [(one["server"], one["text"]) for one in facts]


@pytest.fixture
async def refusing() -> AsyncIterator[tuple[str, list[str]]]:
    """A service that lets nobody in, and the keys that it was shown."""
    keys: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization", ""))
        return web.Response(status=401)

    app = web.Application()
    app.router.add_route("*", "/mcp", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/mcp", keys
    await runner.cleanup()


async def test_a_refusal_is_stated(refusing: tuple[str, list[str]]) -> None:
    """With its status; the headers that were given are sent, and are not in what is said."""
    url, keys = refusing
    server = MCPServerHTTP(url, headers={"Authorization": "Bearer sk-planted"})

    async with opened(server) as box:
        assert box.names == []

    assert keys[0] == "Bearer sk-planted"
    assert "HTTP 401" in server.fault
    assert "planted" not in server.fault


async def test_an_error_of_tls_is_stated() -> None:
    """As where a URL says https and the service does not."""
    with http_process() as process:
        server = MCPServerHTTP(process.url.replace("http:", "https:"))
        async with opened(server):
            fault = server.fault

    assert "SSL" in fault
