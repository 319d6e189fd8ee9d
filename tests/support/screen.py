"""A terminal in memory with a program in it: its screen as a person sees it, keys, its size."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyte

from .daemon import DEADLINE, Daemon, plain_environment

ALTERNATE_OFF = b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"


class Terminal:
    """What a program writes to, and where its keys come from."""

    def __init__(self, descriptor: int, width: int, height: int) -> None:
        self.written = b""
        """All bytes so far."""
        self._descriptor = descriptor
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._news = asyncio.Event()
        self.process: Process | None = None

    @property
    def text(self) -> str:
        """The screen's lines."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def shows(self, *words: str, gone: str = "") -> str:
        """Wait until the screen has all these, and not `gone`; returns it."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not all(word in self.text for word in words) or (gone and gone in self.text):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {words} on the screen:\n{self.text}") from None
        return self.text

    def press(self, keys: str) -> None:
        """As on a keyboard."""
        os.write(self._descriptor, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """As with the mouse: the program is told by a signal."""
        set_size(self._descriptor, width, height)
        self._screen.resize(height, width)
        assert self.process is not None
        self.process.send_signal(signal.SIGWINCH)

    def take(self) -> None:
        """Something was written."""
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return
        self.written += data
        self._stream.feed(data)
        self._news.set()


def set_size(descriptor: int, width: int, height: int) -> None:
    """Tell the kernel how large a terminal is."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


@asynccontextmanager
async def in_terminal(
    daemon: Daemon, *arguments: str, width: int = 120, height: int = 40
) -> AsyncIterator[Terminal]:
    """`agentd ARGUMENTS` in a terminal, with the daemon's directories."""
    ours, its = pty.openpty()
    set_size(its, width, height)
    terminal = Terminal(ours, width, height)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, terminal.take)
    places = {
        "AGENTD_STATE_DIR": str(daemon.root / "state"),
        "AGENTD_RUNTIME_DIR": str(daemon.root / "run"),
        "TERM": "xterm-256color",
    }
    environ = plain_environment()
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environ.pop(name, None)
    process = terminal.process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "agentd", *arguments),
        cwd=daemon.root,
        env=environ | places,
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        loop.remove_reader(ours)
        os.close(ours)
