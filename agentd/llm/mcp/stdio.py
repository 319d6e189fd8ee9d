"""MCP servers that are processes of ours: messages on stdin and stdout, a line each.

Not the SDK's transport, which tells neither how a process ended nor ties its life to ours. The
process has a group of its own, so that what it starts ends with it; and it is killed with this
process, also when that crashes (`lifeline`). Its environment is what is given and what any
command needs to run: no key of ours is in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Unpack

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from agentd.aio.tasks import TaskOwner

from .server import MCPServer, ServerOptions
from .wire import MAX_MESSAGE_BYTES, Heard, Wire

logger = logging.getLogger("agentd.mcp")

EXIT_GRACE = 1.0
"""Seconds that a server has to end by itself once its stdin is closed, and again once it was asked
by SIGTERM."""
KILL_TIMEOUT = 2.0
"""Seconds to see a killed server's end."""
DRAINED_BYTES = 65536
MAX_LINE = 2000
"""Letters of a line of its stderr that are logged."""
LIFELINE = str(Path(__file__).with_name("lifeline.py"))


class MCPServerStdio(MCPServer):
    """A server that is a command of this machine."""

    def __init__(
        self,
        command: str,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        client_session_timeout_seconds: float = 5.0,
        allowed_tools: Sequence[str] | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """`env` is added to HOME, LOGNAME, PATH, SHELL, TERM and USER; nothing else is passed on.

        Of its tools those that are allowed are offered, all unless given. The other options are
        MCPServer's. Its name is the command's unless given.
        """
        super().__init__(
            default_name=Path(command).name,
            allowed_tools=allowed_tools,
            client_session_timeout_seconds=client_session_timeout_seconds,
            **options,
        )
        self._command = [command, *args]
        self._env = dict(env or {})
        self._cwd = cwd

    @asynccontextmanager
    async def client_streams(self, wire: Wire) -> AsyncIterator[Any]:
        """See MCPServer."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", LIFELINE, str(os.getpid()), *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=get_default_environment() | self._env,
            cwd=self._cwd,
            limit=MAX_MESSAGE_BYTES,
            start_new_session=True,
        )  # fmt: skip
        heard_in, heard = anyio.create_memory_object_stream[Heard](0)
        told, told_out = anyio.create_memory_object_stream[SessionMessage](0)
        owner = TaskOwner(f"mcp {self.name}")
        try:
            owner.start(_hear(process, heard_in, wire), name="stdout")
            owner.start(_tell(process, told_out, wire), name="stdin")
            owner.start(_log(process, self.name), name="stderr")
            yield heard, told
        finally:
            try:
                await _end(process)
            finally:
                await owner.aclose()
                for stream in (heard_in, heard, told, told_out):
                    stream.close()


async def _hear(
    process: asyncio.subprocess.Process, heard: MemoryObjectSendStream[Heard], wire: Wire
) -> None:
    """Pass on what the process says, until it has no more to say."""
    assert process.stdout is not None
    async with heard:
        try:
            while line := await process.stdout.readline():
                if line.strip():
                    await heard.send(_parse(line))
            wire.lose(await _how_ended(process))
        except ValueError:  # of readline: the line is over the limit
            wire.lose(f"it sent a message of more than {MAX_MESSAGE_BYTES} bytes")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            wire.lose("it was closed")  # nobody listens any more
    # One that waits for us to read would not hear that it is to end.
    while await process.stdout.read(DRAINED_BYTES):
        pass


async def _tell(
    process: asyncio.subprocess.Process,
    told: MemoryObjectReceiveStream[SessionMessage],
    wire: Wire,
) -> None:
    """Write what the process is told."""
    assert process.stdin is not None
    async with told:
        try:
            async for message in told:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(f"{text}\n".encode())
                await process.stdin.drain()
        except (OSError, RuntimeError):  # RuntimeError: uvloop's, of a pipe that is closed
            wire.lose(await _how_ended(process))


async def _log(process: asyncio.subprocess.Process, server: str) -> None:
    """Put what the process complains of into our log."""
    assert process.stderr is not None
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # a line of megabytes
            continue
        if not line:
            return
        text = line.decode(errors="replace").rstrip()[:MAX_LINE]
        logger.info(
            "an MCP server wrote to stderr",
            extra={"action": "mcp_stderr", "server": server, "text": text},
        )


async def _how_ended(process: asyncio.subprocess.Process) -> str:
    if not await _has_ended(process, EXIT_GRACE):
        return "its process closed its pipes"
    code = process.returncode
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process and its group: ask by closing its stdin, ask by signal, force."""
    assert process.stdin is not None
    try:
        process.stdin.close()
        if not await _has_ended(process, EXIT_GRACE):
            _signal_group(process, signal.SIGTERM)
            await _has_ended(process, EXIT_GRACE)
    finally:
        # Also where it has ended: what it has started may be left.
        _signal_group(process, signal.SIGKILL)
        await _has_ended(process, KILL_TIMEOUT)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # nobody is left


async def _has_ended(process: asyncio.subprocess.Process, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            await process.wait()
    except TimeoutError:
        return process.returncode is not None
    return True


def _parse(line: bytes) -> Heard:
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError as error:
        return error
    return SessionMessage(message)
