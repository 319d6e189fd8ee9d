"""`make demo`: a real LiveKit server, the daemon with the parrot, and a caller with a recording.

Everything runs on this machine and is ended again, whatever happens. The exit code is 0 only
when the caller heard its own speech.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentd.audio.similarity import SAME_SPEECH, similarity
from agentd.audio.wav import read_wav
from agentd.errors import AgentdError
from agentd.testing.livekit_server import LiveKitServer

HERE = Path(__file__).resolve().parent
SPEECH = HERE / "speech" / "jfk.wav"
RECORDING = HERE.parent / "build" / "demo-call.wav"

READY_TIMEOUT = 60.0
CALL_TIMEOUT = 120.0
STOP_TIMEOUT = 10.0

LINES_SHOWN = 40

NOT_SHOWN = ("time", "message", "level", "pid", "where", "action", "name")

AGENTD = (sys.executable, "-m", "agentd")


class DemoFailed(Exception):
    """A step did not work; the message says which, and what to do."""


def say(text: str) -> None:
    """Print a line of the demo's own."""
    print(f"▶ {text}", flush=True)


class Daemon:
    """The daemon's process and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.ready = asyncio.Event()

    async def follow(self) -> None:
        """Read the daemon's output, so that its pipe never fills, until it ends."""
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.lines.append(line)
            if action_of(line) == "ready":
                self.ready.set()

    async def wait_until_ready(self) -> None:
        """Wait until the daemon is registered and has warm children; raises DemoFailed."""
        ready = asyncio.ensure_future(self.ready.wait())
        ended = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait((ready, ended), timeout=READY_TIMEOUT, return_when="FIRST_COMPLETED")
        finally:
            ready.cancel()
            ended.cancel()
        if self.process.returncode is not None:
            raise DemoFailed(f"the daemon ended with exit code {self.process.returncode}")
        if not self.ready.is_set():
            raise DemoFailed(f"the daemon was not ready within {READY_TIMEOUT:.0f} s")


def action_of(line: str) -> str:
    """The action of a JSON log line; empty for other lines, such as what a job prints."""
    try:
        record = json.loads(line)
    except ValueError:
        return ""
    return str(record.get("action", "")) if isinstance(record, dict) else ""


def shortened(line: str) -> str:
    """A log line without what only machines want to know."""
    try:
        record = json.loads(line)
        facts = {name: value for name, value in record.items() if name not in NOT_SHOWN}
        told = " ".join(f"{name}={value}" for name, value in facts.items())
        return f"{record['time'][11:23]} {record['message']}  {told}".rstrip()
    except (ValueError, LookupError, AttributeError, TypeError):
        return line


@asynccontextmanager
async def running_daemon(environment: dict[str, str]) -> AsyncIterator[Daemon]:
    """The daemon with the parrot, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *AGENTD,
        "start",
        str(HERE / "parrot.py"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
        # A group of its own: Ctrl-C in the terminal is ours to pass on.
        start_new_session=True,
    )
    daemon = Daemon(process)
    follower = asyncio.create_task(daemon.follow())
    try:
        yield daemon
    finally:
        try:
            await stop(process)
        finally:
            await follower
            say("what the daemon said:")
            for line in daemon.lines[-LINES_SHOWN:]:
                print(f"    {shortened(line)}", flush=True)


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask the daemon to end, ask again, which it takes for "at once", then force its group.

    Raises DemoFailed unless the first was enough.
    """
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        await end(process, number)
        if process.returncode is not None:
            break
    if process.returncode != 0:
        raise DemoFailed(f"the daemon ended with exit code {process.returncode}, not 0")


async def end(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a process, or for SIGKILL to its group, and give it time to end."""
    if process.returncode is not None:
        return
    if number is signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
    except TimeoutError:
        say(f"process {process.pid} did not end within {STOP_TIMEOUT:.0f} s of {number.name}")


async def call(environment: dict[str, str]) -> None:
    """Run `agentd call` with its output shown; raises DemoFailed."""
    RECORDING.parent.mkdir(exist_ok=True)
    arguments = ("--agent", "parrot", "--say", str(SPEECH), "--record", str(RECORDING))
    process = await asyncio.create_subprocess_exec(
        *AGENTD, "call", *arguments, env=environment, start_new_session=True
    )
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            code = await process.wait()
    except TimeoutError:
        raise DemoFailed(f"the call did not end within {CALL_TIMEOUT:.0f} s") from None
    finally:
        # As Ctrl-C in its own terminal: it leaves the room, and with it the parrot's job ends.
        await end(process, signal.SIGINT)
        await end(process, signal.SIGKILL)
    if code != 0:
        raise DemoFailed(f"the call failed with exit code {code}; its error is above")


def check_recording() -> None:
    """Raise DemoFailed unless the agent's answer is the caller's own speech."""
    likeness = similarity(read_wav(RECORDING), read_wav(SPEECH))
    say(
        f"the answer is {likeness.score:.0%} like what was said, {likeness.lag:.1f} s later "
        f"(needed: {SAME_SPEECH:.0%}; other speech reaches 30%)"
    )
    if not likeness.is_same_speech:
        raise DemoFailed(f"the answer is not the caller's speech: listen to {RECORDING}")


async def demo() -> None:
    """All of it; raises DemoFailed or AgentdError."""
    say("starting a LiveKit server (the first time it may have to be built: some minutes)")
    with LiveKitServer() as livekit, tempfile.TemporaryDirectory(prefix="agentd-demo-") as private:
        environment = os.environ | {
            "LIVEKIT_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
            "AGENTD_STATE_DIR": f"{private}/state",
            "AGENTD_RUNTIME_DIR": f"{private}/run",
            "AGENTD_PORT": "0",
            "AGENTD_LOG_FORMAT": "json",
        }
        say(f"LiveKit runs at {livekit.url}; starting the daemon with examples/parrot.py")
        async with running_daemon(environment) as daemon:
            await daemon.wait_until_ready()
            say(f"the daemon is ready; calling the parrot with {SPEECH.name}")
            await call(environment)
    check_recording()
    say(f"the parrot spoke; hear it: {RECORDING}")


async def main() -> int:
    """Run the demo and say the exit code; SIGTERM ends it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await demo()
    except (DemoFailed, AgentdError) as error:
        say(f"the demo failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
