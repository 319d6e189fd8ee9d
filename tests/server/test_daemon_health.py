"""/healthz of a real daemon: well, ill with the reason, and well again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import running_daemon, write_app
from tests.support.healthz import healthz, healthz_until, is_well

PREWARM_READS_A_FILE = """\
from pathlib import Path
from agentd import AgentServer

def prewarm(process):
    if Path("broken").exists():
        raise ValueError("the model is gone")

server = AgentServer(setup_fnc=prewarm)

@server.rtc_session
async def entry(ctx):
    pass
"""


async def test_a_healthy_daemon_says_so(livekit_server: LiveKitServer, workdir: Path) -> None:
    """200, with what a monitor wants to know."""
    write_app(workdir)
    async with running_daemon(
        workdir, "start", "app.py", "--max-jobs", "3", server=livekit_server
    ) as daemon:
        await daemon.wait_ready()

        status, body = await healthz(daemon)

        assert status == 200
        assert (body["status"], body["problems"]) == ("ok", [])
        assert (body["slots"], body["jobs"], body["link"]) == (3, 0, "registered")
        assert await daemon.stop() == 0


async def test_a_dead_template_is_named_until_it_is_back(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """With an app that does not import any more it stays away; mended, it comes back."""
    app = write_app(workdir)
    good = app.read_text()
    async with running_daemon(
        workdir,
        "start",
        "app.py",
        server=livekit_server,
        environ={"AGENTD_RESTART_MAX_DELAY": "0.3"},
    ) as daemon:
        template = (await daemon.wait_for(action="template_ready"))["template_pid"]
        await daemon.wait_ready()
        app.write_text("def broken(:\n")

        os.kill(template, signal.SIGKILL)

        died = await daemon.wait_for(action="template_died")
        failed = await daemon.wait_for(action="app_failed")
        status, body = await healthz_until(daemon, lambda answer: "import" in str(answer[1]))
        assert "SIGKILL" in died["reason"]
        assert "def broken(:" in failed["exc_info"]
        assert status == 503
        assert [problem["part"] for problem in body["problems"]] == ["template"]
        assert "app.py" in body["problems"][0]["message"]

        app.write_text(good)
        await daemon.wait_for(action="template_ready", generation=2)
        assert (await healthz_until(daemon, is_well))[1]["problems"] == []
        assert await daemon.stop() == 0


async def test_a_pool_without_warm_children_is_named_until_it_has_some(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """A prewarm that raises is quoted; once it works again all is well."""
    write_app(workdir, PREWARM_READS_A_FILE)
    broken = workdir / "broken"
    broken.touch()
    async with running_daemon(
        workdir,
        "start",
        "app.py",
        server=livekit_server,
        environ={"AGENTD_RESTART_MAX_DELAY": "0.3"},
    ) as daemon:
        failed = await daemon.wait_for(action="prewarm_failed")
        status, body = await healthz_until(daemon, lambda answer: answer[0] == 503)
        assert status == 503
        assert [problem["part"] for problem in body["problems"]] == ["pool"]
        assert "ValueError: the model is gone" in body["problems"][0]["message"]
        assert failed["reason"] == "ValueError: the model is gone"

        broken.unlink()
        assert (await healthz_until(daemon, is_well))[1]["problems"] == []
        await daemon.wait_ready()
        assert await daemon.stop() == 0
