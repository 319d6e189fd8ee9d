"""`make demo`: a spoken conversation with a real LiveKit server, the daemon, and an assistant whose
models all run on this machine: no account, no key, no internet.

A recording of a person and two questions in a computed voice go in through a room; they are
recognised, answered and spoken by local models in a supervised child. What was said and how long
each answer took is shown, and both sides are kept. The exit code is 0 only when the assistant
understood and answered right.
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

from caller import RATE, Caller, CallFailed

from agentd.audio.frame import from_samples
from agentd.audio.pcm import Clip, from_bytes
from agentd.audio.resample import resample
from agentd.audio.wav import read_wav
from agentd.errors import AgentdError
from agentd.plugins import piper
from agentd.testing.livekit_server import LiveKitServer

HERE = Path(__file__).resolve().parent
SPEECH = HERE / "speech" / "jfk.wav"
QUESTIONS = ("How much is a pizza?", "Thank you, good bye.")
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
    """The daemon with the assistant, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *AGENTD,
        "start",
        str(HERE / "assistant.py"),
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


async def clips() -> list[Clip]:
    """What the caller says: a person's recording, then questions in a computed voice."""
    person = read_wav(SPEECH)
    frames = [from_samples(person.samples, person.sample_rate)]
    voice = piper.TTS()
    frames += [await voice.synthesize(question).collect() for question in QUESTIONS]
    await voice.aclose()
    return [from_bytes(resample(frame, RATE).data, RATE) for frame in frames]


async def converse(livekit: LiveKitServer) -> None:
    """Hold the conversation; raises DemoFailed."""
    said = await clips()
    caller = Caller(livekit.url, livekit.api_key, livekit.api_secret, say=say)
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            await caller.call("assistant")
            for clip in said:
                await caller.speak(clip)
    except TimeoutError:
        raise DemoFailed(f"the call did not end within {CALL_TIMEOUT:.0f} s") from None
    except CallFailed as error:
        raise DemoFailed(str(error)) from error
    finally:
        await caller.leave(RECORDING)
    check(caller)


def check(caller: Caller) -> None:
    """Raise DemoFailed unless the assistant understood the person, and knew the price."""
    heard = " ".join(caller.words["caller"]).lower()
    answered = " ".join(caller.words["agent"]).lower()
    if "your country" not in heard:
        raise DemoFailed(f"the recording was not understood; what was: {heard or 'nothing'}")
    if "14 dollars" not in answered:
        raise DemoFailed(f"the price was not told; what was: {answered or 'nothing'}")
    waits = ", ".join(f"{wait:.2f} s" for wait in caller.waits)
    say(f"from the caller's last sound to the agent's first: {waits}")


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
        say(f"LiveKit runs at {livekit.url}; starting the daemon with examples/assistant.py")
        async with running_daemon(environment) as daemon:
            await daemon.wait_until_ready()
            say(f"the daemon is ready; calling the assistant with {SPEECH.name}")
            await converse(livekit)
    say(f"hear both sides, the caller left and the agent right: {RECORDING}")


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
