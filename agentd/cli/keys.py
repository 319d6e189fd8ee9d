"""Keys as they are pressed, from a terminal that would gather them into lines."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pressed_keys(take: Callable[[str], None]) -> Iterator[None]:
    """Hand over each key while the block runs; nothing comes where input is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(descriptor, 64)
        if not data:  # the terminal has gone
            loop.remove_reader(descriptor)
        for letter in data.decode(errors="replace"):
            take(letter)

    # Not raw: Ctrl+C stays what it is.
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
