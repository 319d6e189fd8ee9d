"""The HTTP port of a real daemon: what it refuses to begin with, and what it is asked and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp

from agentd.daemon.exits import ExitCode
from tests.support.daemon import Daemon, running_daemon, write_app
from tests.support.fake_livekit import FakeLiveKit
from tests.support.http_client import WITH_TOKEN, WORD

APP = """\
from agentd import AgentServer

server = AgentServer()

@server.rtc_session
async def entry(ctx):
    ctx.shutdown("done")
"""


async def get(daemon: Daemon, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """What the daemon answers."""
    url = (await daemon.wait_for(action="http_listening"))["url"].removesuffix("/healthz")
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url + path) as answer:
        return answer.status, json.loads(await answer.text())


async def test_a_host_that_others_reach_is_not_opened_without_a_token(
    fake: FakeLiveKit, workdir: Path
) -> None:
    """The start ends with what to set; nothing has listened."""
    write_app(workdir, APP)
    environ = fake.access | {"AGENTD_HOST": "0.0.0.0"}
    async with running_daemon(workdir, "start", "app.py", environ=environ) as daemon:
        assert await daemon.wait_exit() == ExitCode.SETTINGS

    assert "AGENTD_HTTP_TOKEN_FILE" in daemon.errors
    assert daemon.seen(action="http_listening") == []


async def test_a_daemon_is_looked_at_and_steered_with_its_token(
    fake: FakeLiveKit, workdir: Path
) -> None:
    """On every address; what it then does is told by /events; the token is written nowhere."""
    write_app(workdir, APP)
    (workdir / "token").write_text(f"{WORD}\n")
    environ = fake.access | {
        "AGENTD_HOST": "0.0.0.0",
        "AGENTD_HTTP_TOKEN_FILE": str(workdir / "token"),
    }
    async with running_daemon(workdir, "start", "app.py", environ=environ) as daemon:
        await daemon.wait_ready()
        assert await get(daemon, "/readyz") == (200, {"ready": True, "reasons": []})
        assert (await get(daemon, "/api/v1/status"))[0] == 401
        status, body = await get(daemon, "/api/v1/status", **WITH_TOKEN)
        assert (status, body["pid"]) == (200, daemon.pid)
        assert WORD not in json.dumps((await get(daemon, "/api/v1/config", **WITH_TOKEN))[1])

        url = daemon.seen(action="http_listening")[0]["url"].removesuffix("/healthz")
        async with aiohttp.ClientSession(headers=WITH_TOKEN) as session:
            stream = await session.get(f"{url}/events")
            drained = await session.post(f"{url}/api/v1/drain", json={"reason": "over TCP"})
            told = (await stream.content.read()).decode()

        assert drained.status == 202
        assert await daemon.wait_exit() == ExitCode.OK
    assert "event: hello" in told
    assert '"kind":"draining"' in told
    assert WORD not in daemon.output() + told
