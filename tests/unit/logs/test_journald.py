"""Records for systemd's journal: their fields, the wire, and a journald that stands still."""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.daemon.log import write_log
from agentd.errors import SettingsError
from agentd.logs.handlers import BackgroundHandler
from agentd.logs.journald import JournalSocket, datagram, field_name, fields_of, is_journal
from agentd.masking import remember
from agentd.settings.model import LogSettings


def parse(data: bytes) -> dict[str, str]:
    """What journald reads in a datagram."""
    fields = {}
    while data:
        head, _, rest = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if equals:
            data = rest
        else:
            (size,) = struct.unpack("<Q", rest[:8])
            value, data = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[name.decode()] = value.decode()
    return fields


def record(message: str, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    """As the stdlib makes them."""
    return logging.makeLogRecord(
        {
            "name": "agentd.x",
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": message,
            "filename": "desk.py",
            "lineno": 12,
            "funcName": "offer",
            **extra,
        }
    )


@pytest.fixture
def journal(workdir: Path) -> Iterator[tuple[Path, socket.socket]]:
    """Where journald would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(workdir / "socket"))
        listening.settimeout(20)
        yield workdir / "socket", listening


def test_each_extra_is_a_field_of_its_own() -> None:
    """`journalctl AGENTD_JOB=AJ_1` finds it, and the plain view shows all there is to say."""
    fields = fields_of(
        record("job ended", action="job_ended", job="AJ_1", room="r", child="c-1", seconds=1.5)
    )

    assert fields["MESSAGE"] == ("job ended action=job_ended job=AJ_1 room=r child=c-1 seconds=1.5")
    assert fields["AGENTD_ACTION"] == "job_ended"
    assert (fields["AGENTD_JOB"], fields["AGENTD_ROOM"], fields["AGENTD_CHILD"]) == (
        "AJ_1",
        "r",
        "c-1",
    )
    assert (fields["CODE_FILE"], fields["CODE_LINE"], fields["CODE_FUNC"]) == (
        "desk.py",
        "12",
        "offer",
    )
    assert (fields["AGENTD_TEXT"], fields["PRIORITY"]) == ("job ended", "6")
    assert fields["SYSLOG_IDENTIFIER"] == "agentd"


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (23, 6),
        (logging.INFO, 6),
        (logging.DEBUG, 7),
        (5, 7),
    ],
)
def test_a_level_is_syslogs_priority(level: int, priority: int) -> None:
    """`journalctl -p warning` shows what needs somebody."""
    assert fields_of(record("x", level))["PRIORITY"] == str(priority)


def test_a_traceback_is_in_the_message_and_apart() -> None:
    """Of several lines, which the wire carries by their length."""
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        failed = record("failed", logging.ERROR, exc_info=sys.exc_info())

    fields = parse(datagram(fields_of(failed)))

    assert fields["AGENTD_EXCEPTION"].endswith("ValueError: broken\nin two")
    assert fields["MESSAGE"] == f"failed\n{fields['AGENTD_EXCEPTION']}"


def test_a_field_can_take_the_place_of_none_of_ours() -> None:
    """What an app gives as `extra` is named by strangers."""
    fields = fields_of(record("x", level_="y", logger="evil", pid="z", text="w"))

    assert fields["AGENTD_LOGGER"] == "agentd.x"
    assert fields["AGENTD_TEXT"] == "x"
    assert "logger=evil" in fields["MESSAGE"]


def test_secrets_are_masked_in_every_field() -> None:
    """As in every other format."""
    remember("very-secret-value")

    fields = fields_of(record("key very-secret-value", why="very-secret-value"))

    assert "very-secret-value" not in json.dumps(fields)


@given(st.text(max_size=200))
def test_any_name_becomes_one_that_the_journal_takes(name: str) -> None:
    """It drops fields with others."""
    made = field_name(name)

    assert made.startswith("AGENTD_")
    assert len(made) <= 64
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@given(st.dictionaries(st.sampled_from(["A", "B_1", "C"]), st.text(max_size=100)))
def test_what_is_written_is_what_is_read(fields: dict[str, str]) -> None:
    """Whatever is in a value; what UTF-8 can't carry is escaped."""
    expected = {
        name: value.encode("utf-8", "backslashreplace").decode() for name, value in fields.items()
    }

    assert parse(datagram(fields)) == expected


def test_a_record_that_is_too_large_is_cut_and_comes(journal: tuple[Path, socket.socket]) -> None:
    """A datagram is bounded; what is told apart of it is cut less than the rest."""
    path, listening = journal
    fields = {f"AGENTD_{number}": "x" * 60_000 for number in range(20)}

    sending = JournalSocket(path)
    sending.send({"MESSAGE": "large", "AGENTD_JOB": "AJ_1", **fields})
    sending.close()

    came = parse(listening.recv(1 << 20))
    assert (came["MESSAGE"], came["AGENTD_JOB"]) == ("large", "AJ_1")
    assert came["AGENTD_1"].endswith("... (cut)")


def test_a_journald_that_stands_still_holds_nobody_up(
    journal: tuple[Path, socket.socket],
) -> None:
    """Its socket is full: lines over the capacity are dropped, at once, and counted."""
    path, listening = journal
    sending = JournalSocket(path)
    handler = BackgroundHandler(fields_of, sending.send, capacity=100, done=sending.close)

    for number in range(2000):
        handler.handle(record(f"line {number}"))
    first = parse(listening.recv(1 << 16))
    drained = threading.Event()

    def drain() -> None:
        while not drained.is_set():
            if parse(listening.recv(1 << 16)).get("AGENTD_ACTION") == "log_lines_dropped":
                drained.set()

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    while not drained.wait(0.01):
        handler.handle(record("after"))
    handler.close()
    reader.join()

    assert first["MESSAGE"] == "line 0"


def test_a_journal_that_is_gone_costs_the_lines_only(workdir: Path) -> None:
    """Nothing is raised where somebody logs."""
    sending = JournalSocket(workdir / "nothing")
    handler = BackgroundHandler(fields_of, sending.send, done=sending.close)

    handler.handle(record("lost"))
    handler.close()


@pytest.mark.parametrize("matches", [True, False])
def test_the_journal_is_known_by_its_stream(
    journal: tuple[Path, socket.socket], workdir: Path, matches: bool
) -> None:
    """A program that was sent elsewhere (`agentd start | tee`) has the variable all the same."""
    path, _ = journal
    with open(workdir / "stream", "w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        inode = status.st_ino if matches else status.st_ino + 1
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{inode}"}

        assert is_journal(stream, environ, path=path) is matches
        assert not is_journal(stream, environ, path=workdir / "nothing")
        assert not is_journal(stream, {}, path=path)


def test_asking_for_a_journal_where_there_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    """Instead of writing into nothing."""
    monkeypatch.setattr("agentd.daemon.log.SOCKET", workdir / "nothing")

    with pytest.raises(SettingsError, match="set it to 'auto'"):
        write_log(LogSettings(log_format="journal"), dev=False)
