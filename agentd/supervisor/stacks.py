"""Where a process is: its stacks, asked for by a signal and read from its output.

faulthandler writes those of the threads from within the signal handler, whatever Python
is doing; then, if Python code can run at all, those of the tasks follow. Other lines that
a process prints meanwhile go on as ever.
"""

from __future__ import annotations

import asyncio
import re

from msgspec import Struct

from agentd.aio.timing import now
from agentd.protocol.app import (
    STACKS_END_LINE,
    STACKS_GENTLY_SIGNAL,
    STACKS_SIGNAL,
    STACKS_TASKS_LINE,
)

from .process import OsProcess
from .procfs import process_waiting

ANSWER_TIMEOUT = 1.0
QUIET = 0.1
"""Seconds without a line after which no more will come."""

MAX_TEXT = 64 * 1024
"""Characters of stacks that are kept; a child may have thousands of tasks."""

CUT = "... (the rest is cut)"

HEADING = re.compile(r"(Current thread|Thread|Stack)\b.*\(most recent call first\):$")
FRAME = re.compile(r"  (File |Binary file |<|\.\.\.|Garbage-collecting)|\.\.\.$")


class Stacks(Struct, frozen=True, kw_only=True):
    """What came of asking a process where it is."""

    text: str
    """The stacks, line by line; empty when none came."""
    note: str = ""
    """Why none came, or why some are missing; empty when all did."""
    final: bool = False
    """Whether asking another way is no use."""

    def __str__(self) -> str:
        return "\n".join(part for part in (self.text, self.note and f"({self.note})") if part)


class StackCutter:
    """Tells the lines of stacks from others. Pure."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False
        self.in_tasks = False
        self._room = MAX_TEXT

    def take(self, line: str) -> bool:
        """Keep a line that belongs to the stacks; says whether it does."""
        if self.ended or not self._belongs(line):
            return False
        self.ended = line == STACKS_END_LINE
        self.in_tasks = self.in_tasks or line == STACKS_TASKS_LINE
        if not self.ended:
            self._keep(line)
        return True

    def _belongs(self, line: str) -> bool:
        # Stacks of tasks have no fixed form, but the child writes them in one go, so whatever
        # comes before its last line is theirs.
        if self.in_tasks or line in (STACKS_TASKS_LINE, STACKS_END_LINE) or HEADING.match(line):
            return True
        return bool(self.lines) and (not line or FRAME.match(line) is not None)

    def _keep(self, line: str) -> None:
        if self._room <= 0:
            return
        self._room -= len(line) + 1
        self.lines.append(line if self._room > 0 else CUT)


class StackTaker:
    """Takes the stacks of one process out of its output."""

    def __init__(self) -> None:
        self._request: _Request | None = None
        self._late = StackCutter()
        self._late.ended = True

    def handle_line(self, line: str) -> bool:
        """Look at a line that the process wrote; says whether it was part of its stacks."""
        if self._request is not None:
            return self._request.handle_line(line)
        # A child that is blocked in C writes the part with its tasks when that call is over.
        # Nobody waits for it then, and it is no output of the app's.
        late = not self._late.ended and (self._late.in_tasks or line == STACKS_TASKS_LINE)
        return late and self._late.take(line)

    async def take_gently(self, process: OsProcess) -> Stacks:
        """The same of a process that seems to be well, without a risk for it.

        One that does not answer is not well, and asked as `take` does: twice its time at most.
        """
        gentle = await self._ask(process, gently=True)
        return gentle if gentle.text or gentle.final else await self.take(process)

    async def take(self, process: OsProcess) -> Stacks:
        """Ask a process for its stacks; never raises, and takes ANSWER_TIMEOUT at most.

        Who asks while an answer is awaited gets the same one; where that was asked for gently, in
        vain, it is asked again.
        """
        return await self._ask(process, gently=False)

    async def _ask(self, process: OsProcess, *, gently: bool) -> Stacks:
        while (asked := self._request) is not None:
            found = await asyncio.shield(asked.answer)
            if gently or not asked.gently or found.text or found.final:
                return found
        number = STACKS_GENTLY_SIGNAL if gently else STACKS_SIGNAL
        if process.status is not None:
            return Stacks(text="", note="no stacks, it is dead", final=True)
        waiting = process_waiting(process.pid)
        if waiting.state[:1] in ("T", "t"):
            # It would answer only when it is continued, to a question long forgotten.
            return Stacks(text="", note=f"no stacks, it is stopped: {waiting}", final=True)
        if not waiting.catches(number):  # the signal would end it
            note = f"no stacks, it can't be asked for them: {waiting}"
            return Stacks(text="", note=note, final=True)
        self._request = request = _Request(process.pid, gently=gently)
        try:
            process.signal(number)
            return await asyncio.shield(request.answer)
        finally:
            request.finish()
            self._request = None
            self._late = StackCutter()
            self._late.ended = request.complete


class _Request:
    """One question, until its end line, some quiet, or the deadline."""

    def __init__(self, pid: int, *, gently: bool) -> None:
        self._pid = pid
        self.gently = gently
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Stacks] = loop.create_future()
        self._cutter = StackCutter()
        self._deadline_at = now() + ANSWER_TIMEOUT
        self._timer = loop.call_at(self._deadline_at, self.finish)

    def handle_line(self, line: str) -> bool:
        """Take a line; each gives the next one a little time to come."""
        taken = self._cutter.take(line)
        if self._cutter.ended:
            self.finish()
        elif taken:
            self._timer.cancel()
            end_at = min(self._deadline_at, now() + QUIET)
            self._timer = asyncio.get_running_loop().call_at(end_at, self.finish)
        return taken

    def finish(self) -> None:
        """Answer with what has come; may be repeated."""
        self._timer.cancel()
        if not self.answer.done():
            self.answer.set_result(self._result())

    @property
    def complete(self) -> bool:
        """Whether its last line has come."""
        return self._cutter.ended

    def _result(self) -> Stacks:
        text = "\n".join(self._cutter.lines).strip("\n")
        if self._cutter.ended:
            return Stacks(text=text)
        waiting = process_waiting(self._pid)
        if not text:
            return Stacks(text="", note=f"no stacks came: {waiting}")
        return Stacks(text=text, note=f"those of its tasks did not come: {waiting}")
