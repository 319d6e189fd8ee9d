"""An app whose jobs call a service that is a file: it is down while the file `down` is there.

While `hang` is there it takes calls and does not answer. A job's metadata is its manner and the
directory of the file. It calls when it gets SIGUSR1.
"""

# ruff: noqa: T201 - what users write

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

from agentd import AgentServer, JobContext
from agentd.errors import APIConnectionError, APIError
from agentd.llm import (
    LLM,
    ChatChunk,
    ChatContext,
    ChatRequest,
    ChoiceDelta,
    FallbackAdapter,
)
from agentd.resilience import (
    APIConnectOptions,
    BreakerPolicy,
    Circuit,
    circuits,
    forget_circuits,
)
from agentd.testing import FakeLLM

KEY = "service.test/model"

LATENCY = 0.2
"""Seconds that the service takes to answer; others may want to probe it meanwhile."""

server = AgentServer()

# The children are forked with this in force.
forget_circuits(BreakerPolicy(cooldown=1.0, longest_cooldown=2.0))


class Service(LLM):
    """Says "first", and leaves a line in `calls` for each call, with how it went."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    @property
    def circuit(self) -> str:
        """All children call one service."""
        return KEY

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See LLM."""
        down = (self._directory / "down").exists()
        with (self._directory / "calls").open("a") as calls:
            calls.write("down\n" if down else "up\n")
        print("asked")
        if down:
            raise APIConnectionError("the service is down")
        if (self._directory / "hang").exists():
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY)
        yield ChatChunk(delta=ChoiceDelta(content="first"))


@server.rtc_session()
async def entry(ctx: JobContext) -> None:
    """Show what becomes of the circuit, and call when told."""
    manner, directory = ctx.job.metadata.split(":")
    service = Service(Path(directory))
    model = FallbackAdapter([service, FakeLLM(default="second")]) if manner == "both" else service
    circuits().on_change(show)
    for circuit in circuits().not_closed():
        show(circuit)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
    print("listening")
    while True:
        await told.wait()
        told.clear()
        print("call", await call(model))


def show(circuit: Circuit) -> None:
    """What this process knows of the service."""
    print("circuit", circuit.state)


async def call(model: LLM) -> str:
    """What the model says, or how it fails; without another try."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="hi")
    try:
        async with model.chat(
            chat_ctx=chat_ctx, conn_options=APIConnectOptions(max_retry=0)
        ) as stream:
            return (await stream.collect()).text
    except APIError as error:
        return error.code
