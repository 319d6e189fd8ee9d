"""A real daemon whose jobs call a service that is down: shown wherever an operator looks."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import callers_of, running_daemon, write_app

KEY = "service.test/model"

CALLS_A_SERVICE = """\
from agentd import AgentServer
from agentd.errors import APIConnectionError, APIError
from agentd.llm import ChatContext
from agentd.resilience import APIConnectOptions, BreakerPolicy, forget_circuits
from agentd.testing import FakeLLM, Misbehaviour

forget_circuits(BreakerPolicy(in_a_row=2, cooldown=120.0, longest_cooldown=120.0))
server = AgentServer()

@server.rtc_session
async def entry(ctx):
    await ctx.connect()
    llm = FakeLLM(faults=[Misbehaviour.RAISE] * 9, circuit="service.test/model")
    for _ in range(2 if ctx.job.metadata == "first" else 1):
        try:
            await llm.chat(
                chat_ctx=ChatContext.empty(), conn_options=APIConnectOptions(max_retry=0)
            ).collect()
        except APIError as error:
            print("call", error.code)
"""


async def test_an_outage_is_in_the_log_the_journal_the_metrics_and_the_status(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Once, though two calls are affected; and the second makes no request for it."""
    write_app(workdir, CALLS_A_SERVICE)
    async with (
        callers_of(livekit_server) as callers,
        running_daemon(
            workdir, "start", "app.py", "--max-jobs", "3", server=livekit_server
        ) as daemon,
    ):
        await daemon.wait_ready()

        first = await callers.job(daemon, "first")
        opened = await daemon.wait_for(action="circuit_opened")
        second = await callers.job(daemon, "second")
        await daemon.wait_for(job=second["job"], message="call circuit_open")
        words, document = await agentd(daemon, "status"), await agentd(daemon, "status", "--json")
        shown = await agentd(daemon, "jobs", "show", first["job"])
        url = (await daemon.wait_for(action="http_listening"))["url"]
        async with aiohttp.ClientSession() as session:
            answer = await session.get(url.replace("/healthz", "/metrics"))
            figures = await answer.text()

        assert opened["circuit"] == KEY
        assert opened["reason"] == "scripted to fail"
        assert opened["next"].startswith("one child tries it in ")
        assert len(daemon.seen(action="circuit_opened")) == 1
        assert (words.code, document.code) == (0, 0)
        assert f"{KEY}: open, opened 1 time, tried again in 1 min" in words.out
        [circuit] = document.document["circuits"]
        assert (circuit["key"], circuit["state"], circuit["times"]) == (KEY, "open", 1)
        assert "circuit_opened" in shown.out
        assert answer.content_type == "text/plain"
        assert f'agentd_circuit_state{{circuit="{KEY}",state="open"}} 1.0' in figures
        assert f'agentd_circuit_opened_total{{circuit="{KEY}"}} 1.0' in figures


async def test_the_next_daemon_learns_of_it_from_the_calls_that_it_adopts(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Its first new job makes no request for it."""
    write_app(workdir, CALLS_A_SERVICE)
    async with (
        callers_of(livekit_server) as callers,
        running_daemon(workdir, "start", "app.py", server=livekit_server) as first,
    ):
        await first.wait_ready()
        job = await callers.job(first, "first")
        await first.wait_for(action="circuit_opened", job=job["job"])
        await first.crash()

        async with running_daemon(
            workdir, "start", "app.py", server=livekit_server, agent_name=first.agent_name
        ) as second:
            told = await second.wait_for(action="circuit_opened")
            await second.wait_ready()
            later = await callers.job(second, "later")
            await second.wait_for(job=later["job"], message="call circuit_open")
            await agentd(second, "jobs", "stop", job["job"])
            await second.wait_for(action="job_ended", job=job["job"])

    assert (told["job"], told["circuit"]) == (job["job"], KEY)
