"""/metrics of a real daemon, over a call with turns, a crash and a resume."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentd.management.metrics import described
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import DEADLINE, Callers, Daemon, running_daemon
from tests.support.ear import listening

pytestmark = pytest.mark.timeout(90)
"""A daemon and a call: seconds, more on a busy machine."""

APP = """
import logging, os

from agentd import Agent, AgentServer, AgentSession, JobContext, cli
from agentd.testing import FakeLLM, FakeTTS

server = AgentServer()

@server.rtc_session(agent_name="counted")
async def entry(ctx: JobContext) -> None:
    session = AgentSession(llm=FakeLLM(default="Yes."), tts=FakeTTS())
    def obey(_old, order):
        if order == "end":
            ctx.shutdown()
        else:
            session.generate_reply(user_input=order)
    ctx.room.on("room_metadata_changed", obey)
    await session.start(Agent(instructions="Answer."), room=ctx.room)
    logging.getLogger("app").info("here", extra={"action": "here", "pid": os.getpid()})

if __name__ == "__main__":
    cli.run_app(server)
"""

Figures = dict[tuple[str, ...], float]


async def figures_of(daemon: Daemon) -> tuple[Figures, set[str]]:
    """Every figure by its name and sorted labels, and the names of all families."""
    url = (await daemon.wait_for(action="http_listening"))["url"]
    async with aiohttp.ClientSession() as session:
        answer = await session.get(url.replace("/healthz", "/metrics"))
        families = list(text_string_to_metric_families(await answer.text()))
    figures = {
        (sample.name, *(text for _, text in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
    names = {f"{each.name}{'_total' if each.type == 'counter' else ''}" for each in families}
    return figures, names


async def figures_until(daemon: Daemon, wanted: Callable[[Figures], bool]) -> Figures:
    """Ask until they are so: a child sends what it has counted once a second."""
    async with asyncio.timeout(DEADLINE):
        while not wanted((await figures_of(daemon))[0]):  # noqa: ASYNC110 - as Prometheus does
            await asyncio.sleep(0.1)
    return (await figures_of(daemon))[0]


async def test_a_call_is_counted_from_its_offer_over_a_crash_to_its_end(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """By the daemon and by the two processes that the call has had."""
    (tmp_path / "app.py").write_text(APP)
    async with running_daemon(tmp_path, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        dispatch = await callers.dispatch(daemon, "counted")
        async with listening(livekit_server, dispatch.room, "caller"):
            here = await daemon.wait_for(room=dispatch.room, action="here")
            await callers.say(dispatch.room, "Are you there?")
            before = await figures_until(daemon, lambda f: f["agentd_turns_total",] == 1)
            os.kill(here["pid"], signal.SIGKILL)
            await figures_until(
                daemon, lambda f: f["agentd_resume_gap_seconds_count", "crash"] == 1
            )
            await callers.say(dispatch.room, "And now?")
            after = await figures_until(daemon, lambda f: f["agentd_turns_total",] == 2)
            status = (await agentd(daemon, "status", "--json")).document
            table = (await agentd(daemon, "metrics", "resumes")).out
            await callers.say(dispatch.room, "end")
            await daemon.wait_for(action="job_ended", job=here["job"])
        ended, names = await figures_of(daemon)

    assert {each.name for each in described()} <= names
    assert before["agentd_jobs", "running"] == 1
    assert (before["agentd_slots_used",], before["agentd_link_up",]) == (1, 1)
    assert before["agentd_part_up", "template"] == 1
    for step in ("accept", "assign", "start", "total"):
        assert before["agentd_dispatch_seconds_count", step] == 1
    assert 0 < before["agentd_dispatch_seconds_sum", "total"] < DEADLINE
    assert before["agentd_turn_latency_seconds_count", "llm"] == 1
    assert before["agentd_tts_characters_total", "fake", "agentd.testing"] == len("Yes.")
    assert before["agentd_room_join_seconds_count",] == 1
    assert after["agentd_resumes_total", "resumed", "crash"] == 1
    assert after["agentd_child_ends_total", "signal"] == 1
    assert 0 < after["agentd_resume_gap_seconds_sum", "crash"] < DEADLINE
    [shown] = status["jobs"]
    assert (shown["turns"], shown["resumes"]) == (2, 1)
    assert set(shown["latency"]) >= {"llm"}
    assert table.splitlines()[1].split() == [
        "agentd_resumes_total",
        "outcome=resumed",
        "reason=crash",
        "1",
    ]
    assert ended["agentd_jobs", "running"] == 0
    assert ended["agentd_jobs_ended_total", "completed"] == 1
    assert ended["agentd_loop_lag_seconds_count",] > 0
    assert ended["agentd_journal_write_seconds_count",] > 0
