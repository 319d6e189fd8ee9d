"""The link against a server that misbehaves, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest
from livekit.api import TokenVerifier
from livekit.protocol import agent

from agentd.dispatch.connection import LinkTimings
from agentd.dispatch.link import Link
from agentd.errors import AgentdError, LiveKitRefused, LiveKitUnreachable
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import JobId
from agentd.settings.model import LiveKitSettings
from tests.support.fake_livekit import GARBAGE, FakeLiveKit, FakeWorker, Greeting, make_job
from tests.support.recording_handler import RecordingHandler, running

QUICK = LinkTimings(
    connect_timeout=0.3, register_timeout=0.3, send_timeout=0.3, heartbeat=0.2, close_timeout=0.2
)


def make_link(
    url: str, *, timings: LinkTimings | None = None, max_retry: int = 1, http_proxy: str = ""
) -> tuple[Link, RecordingHandler]:
    settings = LiveKitSettings(
        url=url,
        api_key=FakeLiveKit.api_key,
        api_secret=FakeLiveKit.api_secret,
        max_retry=max_retry,
        retry_max_delay=0.01,
        http_proxy=http_proxy,
    )
    handler = RecordingHandler()
    return Link(settings, AppInfo(agent_name="tester"), handler, timings=timings), handler


@asynccontextmanager
async def registered(
    server: FakeLiveKit, timings: LinkTimings | None = None
) -> AsyncIterator[tuple[Link, RecordingHandler, FakeWorker]]:
    link, handler = make_link(server.url, timings=timings)
    async with running(link):
        worker = await server.next_worker()
        await handler.next("registered")
        yield link, handler, worker


def connections_to(port: int) -> list[int]:
    """File descriptors of this process that are connected to a port."""
    connections = psutil.Process().net_connections("tcp4")
    return [c.fd for c in connections if tuple(c.raddr)[1:] == (port,)]


async def settle() -> None:
    """Let the event loop see what the kernel has to say by now."""
    for _ in range(3):
        await asyncio.sleep(0)


async def failure_of(link: Link) -> AgentdError:
    """What the link's run() ends with."""
    with pytest.raises(AgentdError) as caught:
        await asyncio.wait_for(link.run(), 20.0)
    return caught.value


# -- before the first registration ---------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (401, LiveKitRefused, "refused the key 'devk…': check LIVEKIT_API_KEY and"),
        (403, LiveKitRefused, "refused the key 'devk…': check LIVEKIT_API_KEY and"),
        (404, LiveKitRefused, r"is no LiveKit server \(it answered HTTP 404\): check LIVEKIT_URL"),
        (200, LiveKitRefused, r"is no LiveKit server \(it answered HTTP 200\): check LIVEKIT_URL"),
        (503, LiveKitUnreachable, "can't be reached: it answered HTTP 503"),
        (429, LiveKitUnreachable, "can't be reached: it answered HTTP 429"),
    ],
)
async def test_a_refused_handshake_says_what_to_check(
    status: int, kind: type[AgentdError], text: str
) -> None:
    """Wrong keys and wrong servers are final; a server in trouble is worth another try."""
    async with FakeLiveKit(status) as server:
        link, _ = make_link(server.url)

        failure = await failure_of(link)

    assert type(failure) is kind
    assert re.search(text, str(failure))
    assert FakeLiveKit.api_secret not in str(failure)


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        ("no_answer", "no answer within 0.3 s"),
        ("silent", "did not register us within 0.3 s"),
        ("close", r"closed the connection \(code 1011\)"),
        ("pong_first", "first message was 'Pong', not the registration"),
        ("garbage_first", "are no LiveKit message"),
    ],
)
async def test_a_server_that_does_not_register_us_is_a_failed_attempt(
    greeting: Greeting, text: str
) -> None:
    """Accepting the connection is not enough; the reason is kept."""
    async with FakeLiveKit(greeting) as server:
        link, handler = make_link(server.url, timings=QUICK, max_retry=2)

        with pytest.raises(LiveKitUnreachable, match=text):
            await asyncio.wait_for(link.run(), 20.0)

    assert server.attempts == 2
    assert handler.events == []


async def test_nobody_listens() -> None:
    """A closed port is named as what it is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        link, _ = make_link(url)

        with pytest.raises(LiveKitUnreachable, match="can't be reached: Connect call failed"):
            await asyncio.wait_for(link.run(), 20.0)


async def test_each_failed_attempt_is_one_line_with_the_next_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who watches the log sees the reason, the number of the attempt and when the next one is."""
    async with FakeLiveKit(503, 503, "register") as server:
        link, handler = make_link(server.url, max_retry=3)

        with caplog.at_level(logging.WARNING, "agentd.dispatch"):
            async with running(link):
                await handler.next("registered")

    lines = [record.__dict__ for record in caplog.records]
    assert [line["action"] for line in lines] == ["link_retry", "link_retry"]
    assert [line["attempt"] for line in lines] == [1, 2]
    assert "HTTP 503" in lines[0]["error"]
    assert 0 <= lines[0]["retry_in"] <= 0.01


async def test_the_handshake_carries_a_workers_token_to_the_agents_path() -> None:
    """The path is below the server's own, and the token grants `agent`."""
    async with FakeLiveKit() as server:
        link, _ = make_link(f"{server.url}/prefix")
        async with running(link):
            worker = await server.next_worker()

    token = worker.headers["Authorization"].removeprefix("Bearer ")
    claims = TokenVerifier(server.api_key, server.api_secret).verify(token)
    assert worker.path == "/prefix/agent"
    assert claims.video is not None
    assert claims.video.agent


async def test_a_proxy_is_used_when_there_is_one() -> None:
    """The host of the server need not be known here."""
    async with FakeLiveKit() as proxy:
        link, handler = make_link(
            "ws://livekit.invalid:7880", http_proxy=f"http://127.0.0.1:{proxy.port}"
        )
        async with running(link):
            await handler.next("registered")
            worker = await proxy.next_worker()

    assert worker.headers["Host"] == "livekit.invalid:7880"


# -- afterwards ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_whatever_the_close_code_it_comes_back(code: int) -> None:
    """A server that restarts says goodbye; that is no reason to stay away."""
    async with FakeLiveKit() as server, registered(server) as (_, handler, worker):
        await worker.close(code)
        await handler.next("disconnected")

        await server.next_worker()
        await handler.next("registered")


async def test_a_dropped_connection_is_noticed_at_once() -> None:
    """A reset is a loss: the pending offers are void, and the next registration follows."""
    async with FakeLiveKit() as server, registered(server) as (link, handler, worker):
        worker.abort()
        await handler.next("disconnected")

        await server.next_worker()
        await handler.next("registered")
        assert link.state().attempts == 0


async def test_a_silent_connection_is_noticed_by_its_heartbeat() -> None:
    """Nothing comes and nothing is read, as after a machine has vanished."""
    async with FakeLiveKit() as server, registered(server, QUICK) as (_link, handler, worker):
        worker.stop_reading()
        await handler.next("disconnected")

        await server.next_worker()
        await handler.next("registered")


async def test_bytes_that_are_no_websocket_frame_end_the_connection() -> None:
    """After that nothing on it can be trusted; the next one is."""
    async with FakeLiveKit() as server, registered(server) as (_, handler, worker):
        worker.write_raw(GARBAGE)
        await handler.next("disconnected")

        await server.next_worker()
        await handler.next("registered")


async def test_a_message_that_is_not_understood_is_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Garbage, text and unknown kinds are passed by, and what follows is heard."""
    async with FakeLiveKit() as server, registered(server) as (_, handler, worker):
        await worker.send_bytes(GARBAGE)
        await worker.send_text("hello")
        await worker.send(agent.ServerMessage())
        await worker.send(agent.ServerMessage(termination=agent.JobTermination(job_id="AJ_9")))

        termination = await handler.next("termination")

    warnings = [r for r in caplog.records if r.__dict__.get("action") == "link_bad_message"]
    assert termination[1] == "AJ_9"
    assert len(warnings) == 3
    assert "disconnected" not in handler.names()[:-1]


async def test_a_server_that_only_babbles_is_left() -> None:
    """Eight messages in a row that mean nothing, and the link tries another connection."""
    async with FakeLiveKit() as server, registered(server) as (_, handler, worker):
        await asyncio.gather(*[worker.send_bytes(GARBAGE) for _ in range(8)])

        await handler.next("disconnected")
        await server.next_worker()
        await handler.next("registered")


async def test_an_outage_is_survived_and_reported_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After the first registration even a refused key is only a warning: jobs may be running."""
    greetings: tuple[Greeting, ...] = ("register", 401, 503, "register")
    async with FakeLiveKit(*greetings) as server, registered(server) as (_link, handler, worker):
        worker.abort()

        await server.next_worker()
        await handler.next("registered")

    errors = [
        r.__dict__["error"] for r in caplog.records if r.__dict__.get("action") == "link_retry"
    ]
    assert len(errors) == 3
    assert "refused the key 'devk…'" in errors[1]


async def test_the_end_of_a_job_reaches_the_next_connection() -> None:
    """What ended during an outage is told once the server is back."""
    async with FakeLiveKit() as server, registered(server) as (link, handler, worker):
        worker.abort()
        await handler.next("disconnected")
        link.report_job(JobId("AJ_1"), "failed", "ValueError: boom")

        update = (await (await server.next_worker()).next("update_job")).update_job

    assert (update.job_id, update.status) == ("AJ_1", agent.JS_FAILED)
    assert update.error == "ValueError: boom"


async def test_a_job_too_large_for_a_child_is_not_taken() -> None:
    """A message over the limit ends the connection instead of filling the memory."""
    async with FakeLiveKit() as server, registered(server) as (_, handler, worker):
        job = make_job("AJ_1")
        job.metadata = "x" * (5 * 1024 * 1024)
        with suppress(ConnectionError):  # the link hangs up before it has heard it all
            await worker.send(agent.ServerMessage(availability=agent.AvailabilityRequest(job=job)))

        await handler.next("disconnected")
        assert "offer" not in handler.names()


async def test_a_server_that_takes_nothing_does_not_keep_the_caller() -> None:
    """Sends return at once, the connection is dropped, and closing is quick."""
    async with FakeLiveKit() as server:
        patient = LinkTimings(send_timeout=0.3, close_timeout=0.2)
        async with registered(server, patient) as (link, handler, worker):
            worker.stop_reading()
            for number in range(100):
                link.report_job(JobId(f"AJ_{number}" + "x" * 200_000), "completed")

            await handler.next("disconnected")


async def test_closing_leaves_no_socket_behind() -> None:
    """A stuck connection is cut rather than left to TCP's patience."""
    async with FakeLiveKit() as server:
        quick = LinkTimings(send_timeout=0.2, close_timeout=0.1, flush_timeout=0.1)
        async with registered(server, quick) as (link, _, worker):
            worker.stop_reading()
            for number in range(100):
                link.report_job(JobId(f"AJ_{number}" + "x" * 200_000), "completed")

            async with asyncio.timeout(20):
                await link.aclose()

            await settle()
            assert connections_to(server.port) == []
            assert link.state().phase == "closed"
