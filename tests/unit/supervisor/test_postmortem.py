"""The report of an end."""

from __future__ import annotations

import logging
import signal

import msgspec
import pytest

from agentd.logs.record import EXCEPTION
from agentd.supervisor.exit import ExitReason, WaitStatus
from agentd.supervisor.oom import OomEvidence
from agentd.supervisor.postmortem import (
    LINE_LENGTH,
    Deceased,
    PostMortem,
    log_post_mortem,
    make_post_mortem,
)
from agentd.supervisor.process import Usage
from agentd.supervisor.recorder import FlightRecorder

WHO = Deceased(child="c4", slot=2, pid=99, job="AJ_1", room="kitchen")


def a_post_mortem(status: WaitStatus = WaitStatus(signal=signal.SIGSEGV)) -> PostMortem:  # noqa: B008 - frozen
    """Of a child that crashed amid its job."""
    recorder = FlightRecorder(100.0)
    recorder.note_frame("out", "StartJob", 101.0)
    recorder.note_line("about to crash " + "x" * 400)
    return make_post_mortem(
        WHO,
        ExitReason(kind="signalled", text="was ended by SIGSEGV", status=status),
        recorder.recording(103.5),
        oom=OomEvidence(memory_mb=88.0),
        usage=Usage(123.46, 4.56789),
        stacks="Thread 0x1",
    )


def test_everything_known_is_in_it() -> None:
    """Who, how, when, and how much it had used."""
    record = a_post_mortem()

    assert (record.child, record.job, record.room, record.slot) == ("c4", "AJ_1", "kitchen", 2)
    assert (record.kind, record.signal, record.code) == ("signalled", "SIGSEGV", None)
    assert (record.lived, record.max_rss_mb, record.cpu_seconds) == (3.5, 123.5, 4.568)
    assert record.frames[0].seconds_before == 2.5


def test_an_exit_code_is_no_signal() -> None:
    """And the other way round."""
    record = a_post_mortem(WaitStatus(code=3))

    assert (record.code, record.signal) == (3, "")


def test_a_journal_can_keep_it() -> None:
    """It is plain data, and comes back as it was."""
    record = a_post_mortem()

    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(record.fields())), PostMortem)

    assert again == record


def test_the_log_has_one_line_with_what_fits_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """The stacks come below it, as an exception's text does."""
    caplog.set_level(logging.DEBUG, "agentd")

    log_post_mortem(a_post_mortem())

    (record,) = caplog.records
    fields = record.__dict__
    assert (fields["action"], fields["reason"]) == ("post_mortem", "was ended by SIGSEGV")
    assert fields["last_frames"] == ">StartJob@-2.5s"
    assert len(fields["last_line"]) == LINE_LENGTH
    assert fields[EXCEPTION] == "Thread 0x1"
