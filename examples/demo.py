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
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from livekit import api, rtc

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame, as_frame, from_samples
from agentd.audio.pcm import AUDIBLE_RMS, Clip, from_bytes, rms
from agentd.audio.resample import resample
from agentd.audio.timeline import Side, Timeline
from agentd.audio.wav import read_wav
from agentd.audio.wav_writer import WavWriter
from agentd.errors import AgentdError
from agentd.plugins import piper
from agentd.testing.livekit_server import LiveKitServer

HERE = Path(__file__).resolve().parent
SPEECH = HERE / "speech" / "jfk.wav"
QUESTIONS = ("How much is a pizza?", "Thank you, good bye.")
RECORDING = HERE.parent / "build" / "demo-call.wav"

READY_TIMEOUT = 60.0
CALL_TIMEOUT = 120.0
STOP_TIMEOUT = 60.0
"""Seconds: livekit-server keeps a room, and the agent in it, for 20 after the last caller left."""

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


# -- the caller ------------------------------------------------------------

RATE = 24000
FRAME = 0.02
STEP_TIMEOUT = 30.0
"""Seconds for the agent to come, to begin an answer, and to end it."""

QUIET = 1.2
"""Seconds of silence after which the agent has said what it had to say."""


class Caller:
    """One caller in one room."""

    def __init__(self, livekit: LiveKitServer) -> None:
        self._url = livekit.url
        self._key, self._secret = livekit.api_key, livekit.api_secret
        self._room = rtc.Room()
        self._name = f"demo-{time.time_ns() % 10**9}"
        self._tasks = TaskOwner("caller")
        self._mouth = rtc.AudioSource(RATE, 1, queue_size_ms=200)
        self._both = Timeline(start_at=time.monotonic(), sample_rate=RATE, max_waiting=600)
        self._heard = asyncio.Condition()
        self._first_at = self._last_at = 0.0
        """When the agent was first and last audible since the caller's last word."""
        self.words: dict[str, list[str]] = {"caller": [], "agent": []}
        """What each side said, as the room's transcripts have it."""
        self.waits: list[float] = []
        """Seconds from the end of each thing said to the agent's first sound."""

    async def call(self, agent: str) -> None:
        """Ask for the agent, and wait until it has greeted."""
        self._room.on("track_subscribed", self._on_track)
        self._room.register_text_stream_handler("lk.transcription", self._on_text)
        grants = api.VideoGrants(room_join=True, room=self._name)
        token = api.AccessToken(self._key, self._secret).with_identity("caller")
        await self._room.connect(self._url, token.with_grants(grants).to_jwt())
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._mouth)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)
        asked_at = time.monotonic()
        async with api.LiveKitAPI(self._url, self._key, self._secret) as server:
            request = api.CreateAgentDispatchRequest(agent_name=agent, room=self._name)
            await server.agent_dispatch.create_dispatch(request)
        await self._answer()
        say(f"the agent's first word came {self._first_at - asked_at:.2f} s after the call")

    async def speak(self, clip: Clip) -> None:
        """Say something, and hear what the agent answers to its end."""
        self._first_at = self._last_at = 0.0
        ended_at = 0.0
        for chunk in clip.chunks(FRAME):
            frame = rtc.AudioFrame(chunk.tobytes(), clip.sample_rate, 1, len(chunk))
            await self._mouth.capture_frame(frame)
            now = time.monotonic() + self._mouth.queued_duration
            self._both.push(Side.LEFT, now - FRAME, as_frame(frame))
            if rms(chunk) > AUDIBLE_RMS:
                ended_at = now
        await self._mouth.wait_for_playout()
        if self._first_at < ended_at:
            self._first_at = 0.0  # what it said in a pause was no answer to all of it
        await self._answer()
        self.waits.append(self._first_at - ended_at)
        say(f"answered {self.waits[-1]:.2f} s after the caller's last sound")

    async def leave(self, recording: Path) -> None:
        """Hang up, and write both sides down: the caller left, the agent right."""
        await self._room.disconnect()
        await self._tasks.aclose()
        end = self._both.finish()
        recording.parent.mkdir(exist_ok=True)
        writer = WavWriter(recording, sample_rate=RATE)
        while (part := self._both.take(end)) is not None:
            writer.write(part)
        writer.close()

    # -- inside ----------------------------------------------------------------------------

    async def _answer(self) -> None:
        """Wait until the agent has spoken and is silent again."""
        try:
            async with asyncio.timeout(STEP_TIMEOUT), self._heard:
                await self._heard.wait_for(lambda: self._first_at > 0)
                await self._heard.wait_for(lambda: time.monotonic() - self._last_at > QUIET)
        except TimeoutError:
            raise DemoFailed(f"the agent gave no answer within {STEP_TIMEOUT:.0f} s") from None

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._tasks.start(self._listen(track), name="listen")

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async for event in stream:
            await self._hear(as_frame(event.frame))
        await stream.aclose()

    async def _hear(self, frame: AudioFrame) -> None:
        now = time.monotonic()
        self._both.push(Side.RIGHT, now - frame.duration, frame)
        if rms(frame.samples) > AUDIBLE_RMS:
            self._first_at = self._first_at or now
            self._last_at = now
        async with self._heard:
            self._heard.notify_all()

    def _on_text(self, reader: rtc.TextStreamReader, sender: str) -> None:
        self._tasks.start(self._read(reader, sender), name="read")

    async def _read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        text = await reader.read_all()
        attributes = reader.info.attributes or {}
        if attributes.get("lk.transcription_final") == "true":
            who = "caller" if sender == "caller" else "agent"
            self.words[who].append(text)
            say(f"{who:>6}: {text.strip()}")


# -- the demo --------------------------------------------------------------


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
    caller = Caller(livekit)
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            await caller.call("assistant")
            for clip in said:
                await caller.speak(clip)
    except TimeoutError:
        raise DemoFailed(f"the call did not end within {CALL_TIMEOUT:.0f} s") from None
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
