"""The daemon's own connection breaks; the calls do not notice."""

from __future__ import annotations

from pathlib import Path

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, running_daemon, write_app
from tests.support.tcp_proxy import proxy_to


async def test_a_lost_connection_costs_no_job_and_no_outcome(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """One call goes on, one ends meanwhile and is reported later, new jobs come again."""
    write_app(workdir)
    async with (
        proxy_to("127.0.0.1", livekit_server.ports.http) as proxy,
        running_daemon(
            workdir, "start", "app.py", server=livekit_server, environ={"LIVEKIT_URL": proxy.url}
        ) as daemon,
    ):
        await daemon.wait_ready()
        staying = await callers.holding(daemon)
        ending = await callers.holding(daemon)

        proxy.cut_workers()
        await daemon.wait_for(action="link_lost")
        await callers.say(staying["room"], "still there")
        await callers.say(ending["room"], "end")

        await daemon.wait_for(job=staying["job"], message="heard still there")
        ended = await daemon.wait_for(action="job_ended", job=ending["job"])
        assert ended["ending"] == "completed"
        assert len(daemon.seen(action="link_registered")) == 1

        proxy.let_workers_in()
        await daemon.wait_for_count(2, action="link_registered")
        later = await callers.job(daemon, "finish")
        await daemon.wait_for(action="job_ended", job=later["job"], ending="completed")
        # The server forgets a worker's jobs with its connection; the report comes all the same.
        await callers.server_line("received job update for unknown job", ending["job"])
        assert not daemon.seen(action="job_ended", job=staying["job"])
        await callers.delete_room(staying["room"])
        assert await daemon.stop() == 0
