"""Runs one of `probes/` in a process of its own, which may crash or hang without harm."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec
from msgspec import Struct

from agentd.errors import AgentdError

AnswerT = TypeVar("AnswerT")

MAX_OUTPUT = 16 * 1024 * 1024
"""What an app prints while it is imported is read up to here, then dropped."""

CHUNK = 65536


class ProbeEnded(AgentdError):
    """A probe's process ended without an answer."""


class Ran(Struct, frozen=True, kw_only=True):
    """What became of a process."""

    code: int
    """Minus the signal that ended it."""
    out: bytes
    err: bytes


async def ask_probe(
    name: str,
    question: Struct,
    kind: type[AnswerT],
    environ: Mapping[str, str],
    *,
    options: Sequence[str] = (),
) -> tuple[AnswerT, str]:
    """Put a question to a probe; its answer, and what it wrote to standard error.

    The question goes by standard input, since arguments can be read by every user. Raises
    ProbeEnded. The process and those that it started are gone when this returns or raises.
    """
    arguments = [*options, "-m", f"agentd.doctor.probes.{name}"]
    ran = await _run(arguments, msgspec.json.encode(question), environ)
    text = ran.err.decode("utf-8", "replace")
    try:
        return msgspec.json.decode(ran.out, type=kind), text
    except msgspec.DecodeError:
        raise ProbeEnded(f"{_how_ended(ran.code)}{_last_words(text)}") from None


async def _run(arguments: Sequence[str], question: bytes, environ: Mapping[str, str]) -> Ran:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environ),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdin.write(question)
        process.stdin.close()
        out, err = await asyncio.gather(_read(process.stdout), _read(process.stderr))
        code = await process.wait()
    finally:
        _kill_group(process.pid)
        await process.wait()
    return Ran(code=code, out=out, err=err)


async def _read(stream: asyncio.StreamReader) -> bytes:
    kept = bytearray()
    while data := await stream.read(CHUNK):
        kept += data[: max(0, MAX_OUTPUT - len(kept))]
    return bytes(kept)


def _kill_group(pid: int) -> None:
    """End the session that it leads: an app may have started programs."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _how_ended(code: int) -> str:
    if code >= 0:
        return f"the process ended with code {code} and no answer"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process was ended by {name}"


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "import time:" not in line]
    return f": {lines[-1].strip()}" if lines else ""
