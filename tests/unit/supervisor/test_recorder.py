"""What is kept of a child's last moments."""

from __future__ import annotations

from agentd.supervisor.recorder import FRAMES, LINES, MAX_LINE, FlightRecorder, FrameNote


def test_frames_are_kept_by_name_with_their_time_before_the_end() -> None:
    """Oldest first."""
    recorder = FlightRecorder(10.0)
    recorder.note_frame("out", "StartJob", 12.0)
    recorder.note_frame("in", "JobStarted", 12.5)

    recording = recorder.recording(13.0)

    assert recording.lived == 3.0
    assert recording.frames == (
        FrameNote(direction="out", name="StartJob", seconds_before=1.0),
        FrameNote(direction="in", name="JobStarted", seconds_before=0.5),
    )


def test_pings_and_logs_push_nothing_out() -> None:
    """They are many, and say little."""
    recorder = FlightRecorder(0.0)
    recorder.note_frame("in", "Ready", 1.0)

    for name in ("Ping", "Pong", "Log", "LogsDropped"):
        recorder.note_frame("in", name, 2.0)

    assert [frame.name for frame in recorder.recording(3.0).frames] == ["Ready"]


def test_only_the_last_are_kept() -> None:
    """A child may live for days."""
    recorder = FlightRecorder(0.0)

    for number in range(1000):
        recorder.note_frame("in", f"F{number}", float(number))
        recorder.note_line(f"line {number}")

    recording = recorder.recording(1000.0)
    assert len(recording.frames) == FRAMES
    assert recording.frames[-1].name == "F999"
    assert len(recording.lines) == LINES
    assert recording.lines[-1] == "line 999"


def test_a_long_line_is_cut() -> None:
    """All the lines together are bounded."""
    recorder = FlightRecorder(0.0)

    recorder.note_line("x" * 10_000)

    (line,) = recorder.recording(1.0).lines
    assert len(line) == MAX_LINE + 3
