"""An app whose jobs use a model of the app's own, in the model host. Runs in children."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from agentd import AgentServer, JobContext
from agentd.errors import ModelError
from agentd.models import ModelRef, local_model


class OwnModel:
    """Says in which process it is, whatever it is asked."""

    def load(self) -> None:
        """Fails where it is told to."""
        if Path("no_weights").exists():
            raise ModelError("it has no weights: run `fetch`")

    def run(self, request: bytes) -> bytes:
        """The process."""
        return request + b" in " + str(os.getpid()).encode()


REF = ModelRef(name="own", target="models_app:OwnModel")

server = AgentServer(models=[REF])


@server.rtc_session
async def entry(ctx: JobContext) -> None:
    """Asks the model now, and whenever a caller says something."""
    model = local_model(REF)

    async def ask(words: str) -> None:
        print((await model.run(words.encode())).decode())

    @ctx.room.on("room_metadata_changed")
    def _hear(_old: str, new: str) -> None:
        if new == "end":
            ctx.shutdown("the caller said so")
        else:
            tasks.append(asyncio.create_task(ask(new)))

    tasks: list[asyncio.Task[None]] = []
    await ctx.connect()
    await ask("begun")
