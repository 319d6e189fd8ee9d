"""Tests of agentd.cli.call: what it prints, and how it fails without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.audio.pcm import silence
from agentd.caller.plan import CallReport
from agentd.caller.timeline import Latencies, Timeline
from agentd.cli.call import latency_lines, report_json
from agentd.cli.main import main


def make_report() -> CallReport:
    """A call that was answered after 1.5 s."""
    timeline = Timeline()
    timeline.mark("dispatched", 10.0)
    timeline.mark("speech ended", 11.0)
    timeline.mark("answer began", 12.5)
    return CallReport(
        room="call-1",
        agent_identity="agent-1",
        moments=timeline.moments(),
        latencies=timeline.latencies(),
        recording=silence(2.0, 16000),
        answer_ended=True,
    )


def test_json_has_the_timeline_and_no_audio() -> None:
    """A script can read when each step was."""
    data = json.loads(report_json(make_report()))

    assert data["recording_seconds"] == 2.0
    assert data["latencies_ms"]["speech_end_to_answer"] == 1500.0
    assert data["timeline"][-1] == {"step": "answer began", "at_ms": 2500.0, "delta_ms": 1500.0}


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (800.0, "it answered 800 ms after the caller had spoken"),
        (-300.0, "it answered 300 ms before the caller had ended, in a pause"),
    ],
)
def test_latency_is_told_in_words(reply: float, line: str) -> None:
    """An answer that came early is not told as a negative number."""
    latencies = Latencies(
        dispatch_to_joined=None, dispatch_to_track=None, speech_end_to_answer=reply
    )

    assert latency_lines(latencies) == [line]


def test_a_missing_recording_is_told_in_one_line(tmp_path: Path) -> None:
    """No traceback: the path in quotes, and an exit code that is not 0."""
    access = ["--url", "ws://127.0.0.1:9", "--api-key", "key", "--api-secret", "secret"]
    say = ["--say", str(tmp_path / "gone.wav")]

    ended = subprocess.run(
        [sys.executable, "-m", "agentd", "call", *access, *say],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == f"error: there is no file '{tmp_path / 'gone.wav'}'\n"


ACCESS = ("--url", "ws://127.0.0.1:9", "--api-key", "key", "--api-secret", "secret")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "give what to say: --say FILE, or --script FILE"),
        (("--say", "a.wav", "--script", "b.yaml"), 2, "give what to say"),
        (("--say", "a.wav", "--callers", "2"), 2, "go with --script"),
        (("--script", "b.yaml", "--record", "a.wav"), 2, "--record goes with --say"),
        (("--script", "b.yaml", "--var", "x"), 2, "give name=value"),
        (("--script", "b.yaml"), 4, "the script 'b.yaml' can't be read: No such file"),
        (
            ("--script", "{talk}", "--var", "dish=x", "--html", "/no/where.html"),
            8,
            "can't be written",
        ),
        (("--script", "{talk}", "--callers", "0"), 2, "0 is not in the range"),
        (("--script", "{wav}"), 1, "there is no file"),
        (("--script", "{voice}"), 1, "the plugin 'nobody' is not installed"),
    ],
)
def test_what_cannot_be_is_told_before_anybody_is_called(
    arguments: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one line, with the exit code of its kind."""
    (tmp_path / "wav.yaml").write_text("turns: [{wav: gone.wav}]")
    (tmp_path / "voice.yaml").write_text("voice: nobody\nturns: [{say: hello}]")
    files = {
        "talk": str(Path(__file__).parents[3] / "examples" / "talk.yaml"),
        "wav": str(tmp_path / "wav.yaml"),
        "voice": str(tmp_path / "voice.yaml"),
    }

    assert main(["call", *ACCESS, *(one.format(**files) for one in arguments)]) == code

    assert told in capsys.readouterr().err
