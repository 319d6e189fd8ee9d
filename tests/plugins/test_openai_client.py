"""How agentd-openai keeps its connections: warm, whole, and of one process and loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import openai
import pytest

from agentd.aio.bell import Bell
from agentd.errors import APIConnectionError, APIError
from agentd.masking import remember
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd_openai.errors import MAX_BODY, retry_after
from agentd_openai.llm import LLM
from tests.plugins.llm_contract import ask
from tests.support.mock_api import mock_in_a_thread

DEADLINE = 10.0
NOW = 1_700_000_000.0

FORKED = """
import asyncio, os, sys
from agentd.llm import ChatContext
from agentd_openai.llm import LLM

llm = LLM(model="mock", base_url=sys.argv[1], api_key="sk-nobody")

async def ask():
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="Hello!")
    return (await llm.chat(chat_ctx=chat_ctx).collect()).text

if sys.argv[2] == "used":
    asyncio.run(ask())
else:
    llm.prewarm()
child = os.fork()
if child == 0:
    print(asyncio.run(ask()), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
"""A template that makes a model, and its child that uses it."""

TWICE = """
import asyncio, gc, sys
from agentd.llm import ChatContext
from agentd_openai.llm import LLM

llm = LLM(model="mock", base_url=sys.argv[1], api_key="sk-nobody")

async def ask():
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="Hello!")
    print((await llm.chat(chat_ctx=chat_ctx).collect()).text)

asyncio.run(ask())
asyncio.run(ask())
del llm
gc.collect()
"""
"""A script that closes nothing."""


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


def make(api: MockOpenAI) -> LLM:
    """A model of it."""
    return LLM(model="mock", base_url=api.base_url, api_key="sk-nobody")


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a Python that tells what was not closed."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )


async def test_replies_one_after_the_other_use_one_connection(api: MockOpenAI) -> None:
    """Each new one would cost round trips."""
    llm = make(api)

    for _ in range(3):
        await ask(llm, "Hello!").collect()

    assert len({seen.port for seen in api.requests}) == 1


async def test_the_first_reply_uses_the_connection_that_was_warmed(api: MockOpenAI) -> None:
    """It waits for no handshake."""
    llm = make(api)

    llm.prewarm()
    async with asyncio.timeout(DEADLINE):
        assert llm._service.warming is not None
        await llm._service.warming
    llm.prewarm()
    await ask(llm, "Hello!").collect()

    warmed, asked = api.requests
    assert warmed.path != "chat/completions"
    assert asked.port == warmed.port


async def test_prewarming_a_service_that_is_away_is_no_error() -> None:
    """The first reply will tell."""
    async with MockOpenAI() as api:
        llm = make(api)

    llm.prewarm()
    assert llm._service.warming is not None
    async with asyncio.timeout(DEADLINE):
        await asyncio.wait([llm._service.warming])

    await llm.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        HttpFault(kind=HttpFaultKind.SLOW_FIRST_BYTE),
        HttpFault(kind=HttpFaultKind.STALL, after=0),
        HttpFault(kind=HttpFaultKind.STALL, after=2),
    ],
    ids=["before the answer", "before its first piece", "within it"],
)
async def test_a_reply_that_is_cancelled_closes_its_connection(
    api: MockOpenAI, fault: HttpFault
) -> None:
    """The service stops writing, and the next reply has another connection."""
    api.chat.faults.add(fault)
    llm = make(api)
    stream = ask(llm, "Hello!")
    reader = asyncio.ensure_future(stream.collect())
    async with asyncio.timeout(DEADLINE):
        await api.wait_for_requests(1)
        reader.cancel()
        await asyncio.wait([reader])
        await api.wait_until_idle()
    await ask(llm, "Hello!").collect()

    first, second = api.requests
    assert first.port != second.port


async def test_a_reply_that_is_closed_early_closes_its_connection(api: MockOpenAI) -> None:
    """As when the user interrupts."""
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STALL, after=3))
    llm = make(api)
    stream = ask(llm, "Hello!")
    await anext(stream)

    await stream.aclose()

    async with asyncio.timeout(DEADLINE):
        await api.wait_until_idle()


async def test_a_closed_model_says_so() -> None:
    """It is not opened again by accident."""
    llm = LLM(api_key="sk-nobody")
    await llm.aclose()

    with pytest.raises(APIError, match="is closed"):
        await ask(llm, "Hello!").collect()


async def test_a_client_that_was_given_stays_its_owners(api: MockOpenAI) -> None:
    """It is used as it is, and goes on after the model."""
    async with openai.AsyncClient(base_url=api.base_url, api_key="sk-mine") as client:
        llm = LLM(model="mock", client=client)
        await ask(llm, "Hello!").collect()

        await llm.aclose()

        assert [model.id async for model in client.models.list()] == ["mock"]
    assert api.requests[0].headers["Authorization"] == "Bearer sk-mine"


EVENT = b'data: {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (
    len(EVENT),
    EVENT,
)


class HangsUp:
    """A service that answers so many requests of a connection, and closes it at the next."""

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.connections = 0
        self.base_url = ""
        self._open = 0
        self._changed = Bell()

    async def __aenter__(self) -> HangsUp:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        async with asyncio.timeout(DEADLINE):
            await self._changed.until(lambda: not self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        try:
            for _ in range(self.answers):
                await _read_request(reader)
                writer.write(WHOLE)
            await _read_request(reader)
        except asyncio.IncompleteReadError:
            pass  # the client was first
        finally:
            writer.close()
            await writer.wait_closed()
            self._open -= 1
            self._changed.ring()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    await reader.readexactly(int(length.split(b":")[1]))


async def test_a_kept_connection_that_proves_closed_is_no_failure() -> None:
    """It is asked again on another, as the same attempt."""
    async with HangsUp(answers=1) as service:
        llm = LLM(model="mock", base_url=service.base_url, api_key="sk-nobody")

        for _ in range(3):
            await ask(llm, "Hello!").collect()

        assert service.connections == 3
        await llm.aclose()


async def test_a_service_that_hangs_up_at_once_is_a_failure() -> None:
    """A connection that was made for a request is used once."""
    async with HangsUp(answers=0) as service:
        llm = LLM(model="mock", base_url=service.base_url, api_key="sk-nobody")

        with pytest.raises(APIConnectionError):
            await ask(llm, "Hello!").collect()

        assert service.connections == 1
        await llm.aclose()


@pytest.mark.parametrize("before", ["new", "used"])
def test_a_model_that_was_made_before_a_fork_works_after_it(before: str) -> None:
    """A template may make it in a prewarm function, or even have used it."""
    with mock_in_a_thread(lambda api: None) as api:
        done = run(FORKED, api.base_url, before)

    assert done.stdout == "The mock has heard you.\n"


def test_a_model_that_nobody_closes_leaves_nothing_open() -> None:
    """Not on one loop after the other: its connections end with their loop."""
    with mock_in_a_thread(lambda api: None) as api:
        done = run(TWICE, api.base_url)

    assert done.stdout == "The mock has heard you.\n" * 2
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, 0.0),
    ],
)
def test_a_service_says_when_it_wants_to_be_asked_again(
    headers: dict[str, str], seconds: float | None
) -> None:
    """In seconds, or as a date."""
    assert retry_after(headers, now=NOW) == seconds


async def test_a_key_that_a_service_echoes_is_masked_before_it_is_cut(api: MockOpenAI) -> None:
    """Where an error ends in the middle of a key, half of it would be known to nobody."""
    key = "planted-key-that-a-service-may-echo-back-0123456789"
    remember(key)
    body = json.dumps({"error": {"message": "x" * (MAX_BODY - 20) + key, "type": "server_error"}})
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STATUS, body=body))

    with pytest.raises(APIError) as caught:
        await ask(make(api), "Hello!").collect()

    assert "xxx***" in str(caught.value)
    assert key[:8] not in str(caught.value)
