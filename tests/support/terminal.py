"""A program on a terminal of its own, as a user has it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from .daemon import plain_environment

DEADLINE = 30.0

CURSOR_QUESTION = b"\x1b[6n"
CURSOR_ANSWER = b"\x1b[1;1R"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """What is shown on it, and what is typed."""

    def __init__(self, master: int, process: Process) -> None:
        self.shown = ""
        """All so far, without escape sequences."""
        self.process = process
        self._master = master
        self._seen = 0
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    async def until(self, text: str) -> None:
        """Wait until it shows a text, after the one that was waited for last."""
        try:
            async with asyncio.timeout(DEADLINE):
                while (at := self.shown.find(text, self._seen)) < 0:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"no {text!r} in {self.shown!r}") from None
        self._seen = at + len(text)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    async def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()

    def close(self) -> None:
        """Take the terminal away."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._master)
            return
        for _ in range(data.count(CURSOR_QUESTION)):
            os.write(self._master, CURSOR_ANSWER)
        self.shown += _ESCAPES.sub("", data.decode(errors="replace")).replace("\r", "")
        self._came.set()


def _control() -> None:
    """Have the terminal send its signals to the program."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@asynccontextmanager
async def on_terminal(
    *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[Terminal]:
    """Python with these arguments, on a terminal, for the length of a block."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env=plain_environment() | {"TERM": "xterm", "COLUMNS": "120"} | dict(environ or {}),
        start_new_session=True,
        preexec_fn=_control,
    )
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()
