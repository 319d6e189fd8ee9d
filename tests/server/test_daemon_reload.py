"""`agentd dev` while its app is being edited."""

from __future__ import annotations

from pathlib import Path

from agentd.aio.timing import now
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import APP, Callers, running_daemon, write_app


def version(number: int) -> str:
    """The app of the daemon's tests, with a mark of its version on what it prints."""
    return APP.read_text().replace('print(f"begin {task}")', f'print("version {number}")')


async def test_a_save_gives_new_jobs_new_code_and_a_mistake_costs_nothing(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A running job ends on the code it began with; a broken file leaves the last good one."""
    write_app(workdir, version(1))
    async with running_daemon(
        workdir, "dev", "app.py", "--log-format", "json", server=livekit_server
    ) as daemon:
        await daemon.wait_for(action="watching")
        await daemon.wait_ready()
        old = await callers.holding(daemon)

        saved_at = now()
        write_app(workdir, version(2))
        await daemon.wait_for(action="reloaded", generation=2)
        # The aim is 1.5 s, on a machine that is not busy with other tests.
        print(f"\nsave to reloaded {now() - saved_at:.2f} s")  # noqa: T201
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(job=job, message="version 2")
        await callers.say(old["room"], "end")
        await daemon.wait_for(action="job_ended", job=old["job"], ending="completed")
        assert daemon.printed(old["job"])[0] == "version 1"

        write_app(workdir, version(3) + "\nwrong wrong\n")
        failed = await daemon.wait_for(action="reload_failed")
        assert "wrong wrong" in failed["exc_info"]
        assert "agentd/child" not in failed["exc_info"]
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(job=job, message="version 2")

        write_app(workdir, version(4))
        await daemon.wait_for(action="reloaded", generation=3)
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(job=job, message="version 4")
        assert await daemon.stop() == 0
