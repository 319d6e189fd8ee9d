"""Traces of whole calls, as a collector gets them from a real daemon and its children."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.collector import Collector, Tree
from tests.support.daemon import Callers, Daemon, Line, running_daemon

pytestmark = pytest.mark.timeout(90)
"""A daemon, a caller and their media: seconds each, more on a busy machine."""

APP = Path(__file__).parents[1] / "support" / "traced_app.py"
KEY = "planted-key-of-the-collector"

CALL = {
    "job_dispatch",
    "job_dispatch/job_entrypoint",
    "job_dispatch/job_entrypoint/room_connect",
    "job_dispatch/job_entrypoint/wait_for_participant",
    "job_dispatch/job_entrypoint/job_shutdown",
    "job_dispatch/job_entrypoint/job_shutdown/shutdown_callback",
    "job_dispatch/job_entrypoint/agent_session",
}
"""Of every call, from the root down."""

SESSION = {
    "session_start",
    "start_agent_activity",
    "on_enter",
    "user_turn",
    "user_turn/user_speaking",
    "user_turn/eou_detection",
    "agent_turn",
    "agent_turn/llm_node",
    "agent_turn/llm_node/llm_request",
    "agent_turn/function_tool",
    "agent_turn/tts_node",
    "agent_turn/tts_node/tts_request",
    "agent_turn/agent_speaking",
    "session_close",
}
"""Of every session, below `agent_session`."""


async def test_each_call_is_one_trace_also_where_its_process_is_killed(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """Two calls at once: every span has its place; what was said is in none, and the collector's
    key in no line."""
    async with Collector() as collector:
        environ = collector.environ | {
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{KEY}",
            "OTEL_SERVICE_NAME": "the-shop",
        }
        async with running_daemon(
            tmp_path, "start", str(APP), server=livekit_server, environ=environ
        ) as daemon:
            await daemon.wait_ready()
            talk, crash = await asyncio.gather(
                one_call(daemon, callers, "talk"), killed_call(daemon, callers, collector)
            )
            await collector.wait_for("job_entrypoint", 3)
            assert await daemon.stop() == 0
        assert KEY not in daemon.output()

    assert collector.headers[0]["Authorization"] == f"Bearer {KEY}"
    spans = collector.spans
    assert {span.resource["service.name"] for span in spans} == {"the-shop"}
    assert "paid" not in str([span.attributes for span in spans])
    judge_call(collector.tree(talk["job"]), talk)
    judge_crash(collector.tree(crash["job"]))


async def one_call(daemon: Daemon, callers: Callers, task: str) -> Line:
    """The line of a job's end."""
    dispatch = await callers.dispatch(daemon, task)
    await callers.join(dispatch.room)
    return await daemon.wait_for(action="job_ended", room=dispatch.room)


async def killed_call(daemon: Daemon, callers: Callers, collector: Collector) -> Line:
    """The same of one whose process is killed once its first turn has been sent."""
    call = asyncio.create_task(one_call(daemon, callers, "wait"))
    waits = await daemon.wait_for(action="waits")
    await collector.wait_for("agent_turn", job_id=waits["job"])
    os.kill(waits["pid"], signal.SIGKILL)
    ended = await call
    assert (ended["ending"], ended["resumes"]) == ("completed", 1)
    return ended


def judge_call(tree: Tree, ended: Line) -> None:
    """From its dispatch to its last word."""
    session = {f"job_dispatch/job_entrypoint/agent_session/{path}" for path in SESSION}
    assert tree.paths() >= CALL | session, tree.show()
    assert not tree.lost()
    assert not [span for span in tree.spans if span.failed]
    job = tree.one("job_entrypoint")
    assert (job.attributes["lk.job_id"], job.attributes["lk.pii.room_name"]) == (
        ended["job"],
        ended["room"],
    )
    stages = ("accept", "assignment", "launch", "entrypoint")
    assert sum(job.attributes[f"lk.job.{stage}_latency"] for stage in stages) == pytest.approx(
        job.attributes["lk.job.dispatch_latency"], abs=0.05
    )
    assert job.began_at == tree.one("job_dispatch").began_at < tree.one("room_connect").began_at
    assert job.events[:3] == ("job_received", "job_accepted", "job_assigned")
    asked = tree.named("llm_request")[0]
    assert asked.attributes["gen_ai.operation.name"] == "chat"
    assert asked.attributes["gen_ai.usage.input_tokens"] > 0
    assert tree.one("function_tool").attributes["gen_ai.tool.name"] == "pay"
    assert tree.one("agent_turn").links == (tree.one("user_turn").span_id,)
    assert tree.one("agent_turn").attributes["lk.e2e_latency"] > 0
    assert tree.path(tree.one("update_agent")).endswith("/agent_turn/update_agent")


def judge_crash(tree: Tree) -> None:
    """The process that goes on has written down what the dead one could not, and links to it."""
    assert not tree.lost(), tree.show()
    died, went_on = tree.named("job_entrypoint")
    assert "SIGKILL" in str(died.failed)
    assert died.attributes["agentd.process_died"] is True
    assert went_on.failed is None
    assert went_on.links == (died.span_id,)
    gap = tree.one("job_resume")
    assert died.ended_at == gap.began_at <= gap.ended_at == went_on.began_at
    first, second = tree.named("agent_session")
    assert (first.parent_id, second.parent_id) == (died.span_id, went_on.span_id)
    assert second.links == (first.span_id,)
    turns = tree.named("agent_turn")
    assert [turn.parent_id for turn in turns] == [first.span_id, second.span_id]
