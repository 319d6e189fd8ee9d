"""`agentd console`: an agent is talked to at this machine, by a real terminal, files and sound."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from agentd.aio.timing import now, within
from agentd.audio.pcm import Clip, audible_seconds, silence
from agentd.audio.wav import read_wav, write_wav
from agentd.cli.main import main
from tests.support.command import Ran
from tests.support.daemon import plain_environment
from tests.support.recordings import SPEECH
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.timeout(60)

APP = str(Path(__file__).parents[1] / "support" / "console_app.py")
DEADLINE = 40.0


async def console(
    *arguments: str, typed: str = "", environ: Mapping[str, str] | None = None
) -> Ran:
    """Run `agentd console ARGUMENTS` with some lines on its standard input, until it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "agentd", "console", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=plain_environment() | dict(environ or {}),
    )
    try:
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


# -- text --------------------------------------------------------------------------------------


async def test_lines_are_answered_one_after_the_other(tmp_path: Path) -> None:
    """With tools, their failures in the user's own frames, and handoffs; then the job ends well."""
    typed = "how much is a pizza\nhow much is a boat\n/dtmf 4\n/dtmf x\nmy bill please\nhello\n"

    ran = await console(APP, "--text", "--record", str(tmp_path), typed=typed)

    lines = [line for line in ran.out.splitlines() if " ms" not in line]
    assert ran.code == 0, ran.err
    assert lines == [
        "in room console with caller",
        "  you: how much is a pizza",
        ' tool: price_of(item="pizza")',
        "       price_of = 14",
        "agent: A pizza costs 14 dollars.",
        "  you: how much is a boat",
        ' tool: price_of(item="boat")',
        "       price_of error: An internal error occurred",
        "agent: There is no boat.",
        "key 4",
        "only 0 to 9, *, # and A to D can be dialled, but not 'x'",
        "  you: my bill please",
        " tool: to_billing()",
        "       to_billing = ",
        "       desk hands over to billing",
        "  you: hello",
        "agent: Billing.",
        "callback: the input has ended",
        lines[-1],
    ]
    assert "KeyError: 'boat'" in ran.err
    assert "agentd/voice" not in ran.err
    (report,) = tmp_path.glob("session-*/session_report.json")
    history = json.loads(report.read_text())["history"]
    assert "A pizza costs 14 dollars." in str(history)
    assert lines[-1] == f"recorded in {report.parent}"


async def test_a_session_that_ends_ends_the_console() -> None:
    """Nobody is left to talk with; lines that are left are not waited for."""
    ran = await console(APP, "--text", typed="bye\nhow much is a pizza\n")

    assert ran.code == 0
    assert "callback: the session has ended (user_initiated)" in ran.out
    assert "dollars" not in ran.out


async def test_an_entrypoint_that_raises_is_shown_by_its_own_frames() -> None:
    """And the exit code is the app's."""
    ran = await console(APP, "--text", "--metadata", "crash")

    assert ran.code == 3
    assert "RuntimeError: the oven is cold" in ran.err
    assert "console_app.py" in ran.err
    assert "agentd/job" not in ran.err
    assert "callback: job crashed" in ran.out


async def test_an_app_that_does_not_import_is_shown_by_its_own_frames(tmp_path: Path) -> None:
    """As in all commands."""
    app = tmp_path / "broken.py"
    app.write_text("1 / 0\n")

    ran = await console(str(app), "--text")

    assert ran.code == 3
    assert "ZeroDivisionError" in ran.err
    assert "entrypoint.py" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "/nowhere.wav"], "error: there is no file '/nowhere.wav'"),
        (["--text", "--record", "/proc/nowhere"], "nothing can be recorded in '/proc/nowhere'"),
    ],
)
async def test_what_cannot_be_is_told_in_a_line(arguments: list[str], told: str) -> None:
    """Before anything of the app runs."""
    ran = await console(APP, *arguments)

    assert ran.code in {1, 8}
    assert told in ran.err
    assert "in room" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--text", "--input", "x.wav"], "--text and --input are two ways to talk"),
        (["--output", "x.wav"], "--output and --at-once go with --input"),
    ],
)
def test_two_ways_to_talk_at_once_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a mistake in the command."""
    assert main(["console", APP, *arguments]) == 2
    assert told in capsys.readouterr().err


async def test_a_terminal_is_typed_on_below_what_is_said(tmp_path: Path) -> None:
    """Ctrl-T asks for sound and is told what to install, Ctrl-C ends in order."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    command = ("-m", "agentd", "console", APP, "--text")

    async with on_terminal(*command, environ={"PYTHONPATH": str(tmp_path)}) as terminal:
        await terminal.until("you:")
        terminal.type("how much is a pizza\r")
        await terminal.until("tool: price_of")
        await terminal.until("agent: A pizza costs 14 dollars.")
        await terminal.until("e2e")
        terminal.type("\x14")
        await terminal.until("apt-get install libportaudio2")
        await terminal.until("going on with text")
        terminal.type("\x03")
        await terminal.until("callback: the console was left")

        assert await terminal.ended() == 0


async def test_a_second_ctrl_c_ends_at_once() -> None:
    """Also while the user's code holds up everything."""
    command = ("-m", "agentd", "console", APP, "--text", "--metadata", "stuck")

    async with on_terminal(*command) as terminal:
        await terminal.until("you:")
        terminal.type("\x03")
        await terminal.until("once more ends at once")
        await terminal.until("stuck")
        terminal.type("\x03")

        assert await terminal.ended() == -signal.SIGINT


async def test_without_the_package_the_console_goes_on_with_text(tmp_path: Path) -> None:
    """It says what to install, and the listing of devices is an error."""
    (tmp_path / "sounddevice.py").write_text("raise ImportError('No module named sounddevice')\n")
    environ = {"PYTHONPATH": str(tmp_path)}

    ran, listed = await asyncio.gather(
        console(APP, typed="hello\n", environ=environ),
        console("--list-devices", environ=environ),
    )

    assert ran.code == 0, ran.err
    assert "sound needs the package sounddevice: pip install 'agentd[console]'" in ran.out
    assert "agent: I heard you." in ran.out
    assert listed.code == 1
    assert listed.err.startswith("error: sound needs the package sounddevice")


# -- files and sound ---------------------------------------------------------------------------


async def test_a_recording_is_spoken_to_the_agent_and_its_reply_kept(tmp_path: Path) -> None:
    """By models on this machine, in real time; it ends when the agent has finished."""
    reply = tmp_path / "reply.wav"
    spoken = ("--input", str(SPEECH / "lv-0880.wav"), "--output", str(reply))

    ran = await console(APP, "--metadata", "sound", *spoken, "--record", str(tmp_path / "kept"))

    assert ran.code == 0, ran.err
    assert "you: He was not an ill" in ran.out
    assert "agent: I heard you." in ran.out
    assert {"e2e", "eot", "stt", "llm", "tts"} <= set(ran.out.split())
    assert "callback: the input has ended" in ran.out
    answer = read_wav(reply)
    assert audible_seconds(answer) > 0.3
    assert audible_seconds(answer.cut(0.0, 2.5)) == 0.0  # in step: it is after the question
    assert [file.suffix for file in sorted((tmp_path / "kept").glob("*/audio.*"))] == [".ogg"]


@asynccontextmanager
async def pulse_audio(root: Path) -> AsyncIterator[dict[str, str]]:
    """A sound server of its own: what is played to the sink `mic` is the microphone."""
    for name in ("run", "xdg"):
        (root / name).mkdir(mode=0o700)
    (root / "default.pa").write_text(
        "load-module module-native-protocol-unix\n"
        "load-module module-null-sink sink_name=speaker rate=48000 channels=1\n"
        "load-module module-null-sink sink_name=mic rate=48000 channels=1\n"
        "set-default-sink speaker\n"
        "set-default-source mic.monitor\n"
    )
    (root / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    environ = plain_environment() | {
        "HOME": str(root),
        "PULSE_RUNTIME_PATH": str(root / "run"),
        "XDG_RUNTIME_DIR": str(root / "xdg"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
    }
    server = await asyncio.create_subprocess_exec(
        *("pulseaudio", "-n", "-F", str(root / "default.pa"), "--daemonize=no"),
        *("--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--log-level=info"),
        env=environ,
        stderr=PIPE,
    )
    try:
        assert server.stderr is not None
        await heard_from(server.stderr, "Daemon startup complete")
        yield environ
    finally:
        server.kill()
        await server.wait()


async def heard_from(program: asyncio.StreamReader, text: str) -> None:
    """Read a program's lines until one has a text."""
    async with asyncio.timeout(DEADLINE):
        while text not in (line := (await program.readline()).decode()):
            assert line, f"it ended without {text!r}"


async def subscribed(events: asyncio.StreamReader, stir: Callable[[], Awaitable[object]]) -> None:
    """Stir the sound server until its events come: when they are subscribed to is not told."""
    async with asyncio.timeout(DEADLINE):
        while True:
            await stir()
            with suppress(TimeoutError):
                return await within(now() + 0.5, heard_from(events, "Event "))


def sound_server_is_there() -> bool:
    """Whether PulseAudio, its plugin for ALSA and PortAudio are installed."""
    try:
        import sounddevice  # noqa: F401 - looks for PortAudio
    except (ImportError, OSError):
        return False
    plugin = any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    return plugin and all(map(shutil.which, ("pulseaudio", "pactl", "paplay", "parec")))


@pytest.mark.skipif(
    not sound_server_is_there(),
    reason="apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2",
)
async def test_microphone_and_loudspeaker_are_real_devices(tmp_path: Path) -> None:
    """PortAudio's own, behind them a sound server without a card; the agent is heard there."""
    question, heard = tmp_path / "question.wav", tmp_path / "heard.raw"
    speech = read_wav(SPEECH / "lv-0880.wav")
    # A sound server without a card takes up to two seconds to begin.
    samples = [*silence(3.0, speech.sample_rate).samples, *speech.samples]
    write_wav(question, Clip(samples=np.array(samples, np.int16), sample_rate=speech.sample_rate))

    async with AsyncExitStack() as stack:
        environ = await stack.enter_async_context(pulse_audio(tmp_path))

        async def start(*command: str, stdout: int = DEVNULL) -> asyncio.subprocess.Process:
            process = await asyncio.create_subprocess_exec(
                *command, env=environ, stdin=DEVNULL, stdout=stdout, stderr=DEVNULL
            )
            stack.push_async_callback(end, process)
            return process

        events = await start("pactl", "subscribe", stdout=PIPE)
        assert events.stdout is not None
        await subscribed(events.stdout, lambda: start("pactl", "info"))
        await start("parec", "-d", "speaker.monitor", "--rate=16000", "--channels=1", str(heard))
        await heard_from(events.stdout, "'new' on source-output")
        command = (sys.executable, "-m", "agentd", "console", APP, "--metadata", "sound")
        talk = await start(*command, stdout=PIPE)
        await heard_from(events.stdout, "'new' on source-output")
        await start("paplay", "-d", "mic", str(question))
        assert talk.stdout is not None
        await heard_from(talk.stdout, "agent: I heard you.")
        talk.send_signal(signal.SIGINT)
        await heard_from(talk.stdout, "callback: the console was left")
        assert await talk.wait() == 0

    played = Clip(samples=np.fromfile(heard, "<i2"), sample_rate=16000)
    assert audible_seconds(played) > 0.3


async def end(process: asyncio.subprocess.Process) -> None:
    """End a program that may have ended."""
    if process.returncode is None:
        process.kill()
    await process.wait()
