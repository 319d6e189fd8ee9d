"""A collector of traces that is no use: jobs end as if there were none, and each says it once."""

from __future__ import annotations

from pathlib import Path

from agentd.child.life import TRACE_FLUSH_TIMEOUT
from tests.support.collector import Behaviour, Collector, Seen
from tests.support.daemon import running_daemon, write_app
from tests.support.fake_livekit import FakeLiveKit

APP = """\
from agentd import AgentServer

server = AgentServer()

@server.rtc_session
async def entry(ctx):
    ctx.shutdown("done")
"""

BEHAVIOURS: dict[str, Behaviour] = {
    "hangs": "hang",
    "fails": "fail",
    "drops": "drop",
    "works": "take",
}
"""By room."""


def environment(fake: FakeLiveKit, endpoint: str) -> dict[str, str]:
    """What leads a daemon to the fake server and to the collector."""
    return {
        "LIVEKIT_URL": fake.url,
        "LIVEKIT_API_KEY": fake.api_key,
        "LIVEKIT_API_SECRET": fake.api_secret,
        "AGENTD_NUM_IDLE_PROCESSES": "4",
        "AGENTD_LOG_FORMAT": "json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
    }


def behave(span: Seen) -> Behaviour:
    return BEHAVIOURS[span.attributes["lk.pii.room_name"]]


async def test_a_job_ends_on_time_whatever_the_collector_does(workdir: Path) -> None:
    """Its end is told at once; the process stays for the flush at most; what is lost is counted."""
    write_app(workdir, APP)
    async with FakeLiveKit() as fake, Collector(behave) as collector:
        environ = environment(fake, collector.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
        async with running_daemon(workdir, "start", "app.py", environ=environ) as daemon:
            await daemon.wait_ready()
            await fake.next_worker()
            for room in BEHAVIOURS:
                fake.dispatch(daemon.agent_name, room)
            await daemon.wait_for_count(len(BEHAVIOURS), action="job_ended")
            await daemon.wait_for_count(3, action="spans_lost")
            await collector.wait_for("job_entrypoint")
            assert await daemon.stop() == 0

    ends = {line["room"]: line for line in daemon.seen(action="job_ended")}
    assert {line["ending"] for line in ends.values()} == {"completed"}
    assert max(line["seconds"] for line in ends.values()) < TRACE_FLUSH_TIMEOUT
    lost = {line["room"]: line["spans"] for line in daemon.seen(action="spans_lost")}
    assert lost == dict.fromkeys(("hangs", "fails", "drops"), 3)
    told = [line["room"] for line in daemon.seen(action="spans_unsent")]
    assert len(told) == len(set(told))
    assert set(told) >= {"fails"}
    assert not daemon.seen(action="child_failed")
