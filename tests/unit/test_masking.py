"""What is masked in a text, what is not, and what no `repr` tells."""

from __future__ import annotations

import base64
import io
import json
import logging

import msgspec
import pytest

from agentd.app.options import ServerOptions
from agentd.app.usererror import one_line, user_traceback
from agentd.child.logs import MAX_TEXT, to_frame
from agentd.child.stdio import MaskedText
from agentd.credentials import Credential
from agentd.dispatch.messages import Assigned
from agentd.journal.records import EventRecord, JobRecord, SnapshotRecord
from agentd.journal.rows import EVENT_COLUMNS, to_row
from agentd.logs.console_lines import ConsoleFormatter
from agentd.logs.json_lines import JsonLinesFormatter
from agentd.logs.record import entry_of
from agentd.masking import Memory, masked, remember
from agentd.protocol.app import AppInfo
from agentd.protocol.frames import ChildConfig, Hello, Initialize, Snapshot, StartJob
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAnswer, JobAssignment, Resume
from agentd.settings.layers import flags_layer, resolve
from agentd.settings.model import LiveKitSettings, Settings
from agentd.supervisor.output import HELD_BYTES, LineCutter


async def entrypoint(_ctx: object) -> None:
    """An app's."""


KEY = 'planted"key\\of-unit-tests-ü'
"""With what JSON and addresses write otherwise."""

TOKEN = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256"}', b'{"sub":"somebody"}', b"signature-bytes")
)


@pytest.fixture(autouse=True, scope="module")
def known() -> None:
    """The key is known, as it would be after `credential()`."""
    remember(KEY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key={KEY}", "key=***"),
        (json.dumps({"k": KEY}), '{"k": "***"}'),
        (json.dumps({"k": KEY}, ensure_ascii=False), '{"k": "***"}'),
        ("u?x=planted%22key%5Cof-unit-tests-%C3%BC&y=1", "u?x=***&y=1"),
        (f"ws://h/rtc?access_token={TOKEN}&v=1", "ws://h/rtc?access_token=***&v=1"),
        ("GET /x?api_key=short HTTP/1.1", "GET /x?api_key=*** HTTP/1.1"),
        (f"token {TOKEN}.", "token ***."),
        ("Authorization: Bearer abc.defgh", "Authorization: Bearer ***"),
        ("{'authorization': 'Token abcdefgh'}", "{'authorization': 'Token ***'}"),
        ('\\"authorization\\": \\"Basic dXNlcjpwdw==', '\\"authorization\\": \\"Basic ***'),
        ("got Bearer 0123456789abcdef0", "got Bearer ***"),
        ("redis://me:hunter2@host/0", "redis://me:***@host/0"),
        ("no sk-proj-0123456789abcdef!", "no ***!"),
    ],
)
def test_a_secret_is_masked(text: str, expected: str) -> None:
    """Known ones in every spelling; tokens, headers and passwords by their form."""
    assert masked(text) == expected
    assert masked(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a bearer of news; basic internationalization",
        "http://localhost:7880/x?limit=5 and mail@example.org",
        '{"url":"ws://host","to":"a:b@c"}',
        "risk-assessment-of-the-desk-in-question",
        "eyJ is how they begin; a.b.c",
        "the key of the house",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """A mask that hits too much costs the reader what happened."""
    assert masked(text) == text


def test_short_values_are_no_secrets() -> None:
    """LiveKit's `secret` of a developer's server is a word of every second line."""
    memory = Memory()
    memory.remember("secret")

    assert memory.masked("the secret of the house") == "the secret of the house"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    """A key that begins with another leaves no rest."""
    memory = Memory()
    for secret in ("planted-one", "planted-one-and-more"):
        memory.remember(secret)

    assert memory.masked("planted-one-and-more planted-one") == "*** ***"


def test_each_line_of_a_private_key_is_masked() -> None:
    """A print of one arrives line by line."""
    memory = Memory()
    memory.remember(
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\nabc\n-----END PRIVATE KEY-----"
    )

    assert memory.masked("  MIIEvQIBADANBgkqh") == "  ***"
    assert memory.masked("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_a_blotted_document_can_still_be_decoded() -> None:
    """Snapshots are msgpack: lengths must stay."""
    memory = Memory()
    memory.remember("planted-in-state")

    blotted = memory.blotted(msgspec.msgpack.encode({"a": "planted-in-state!", "b": 1}))

    assert msgspec.msgpack.decode(blotted) == {"a": "*" * 16 + "!", "b": 1}


# -- where text leaves ---------------------------------------------------------------


def failing_record() -> logging.LogRecord:
    """A record with the key wherever one can be."""
    try:
        raise ValueError(f"no entry with {KEY}")
    except ValueError as error:
        record = logging.makeLogRecord(
            {
                "msg": "with %s",
                "args": (KEY,),
                "exc_info": (type(error), error, error.__traceback__),
                "levelname": "ERROR",
                "levelno": logging.ERROR,
                "text": KEY,
                "nested": {"deep": [KEY]},
                "object": ChildConfig(http_proxy=KEY),
            }
        )
    return record


@pytest.mark.parametrize("formatter", [JsonLinesFormatter(), ConsoleFormatter(colour=True)])
def test_a_log_line_is_masked(formatter: logging.Formatter) -> None:
    """Message, arguments, fields however deep, and the traceback."""
    line = formatter.format(failing_record())

    assert "planted" not in line
    assert line.count("***") >= 4


def test_a_masked_json_line_is_still_json() -> None:
    """The key's own quotes and backslashes leave nothing behind."""
    document = json.loads(JsonLinesFormatter().format(failing_record()))

    assert (document["message"], document["nested"]) == ("with ***", {"deep": ["***"]})


def test_a_childs_record_is_masked_before_it_is_cut() -> None:
    """Half a key would be known to nobody."""
    record = logging.makeLogRecord({"msg": "x" * (MAX_TEXT - 10) + KEY})

    frame = to_frame(entry_of(record), logging.INFO, {"job": KEY})

    assert "planted" not in frame.message
    assert "planted" not in to_frame(entry_of(failing_record()), logging.INFO, {}).exception


def test_what_a_child_prints_is_masked() -> None:
    """By the stream itself, and by who reads the pipe."""
    stream = MaskedText(raw := io.BytesIO(), encoding="utf-8", write_through=True)
    print("my key", KEY, file=stream)

    assert raw.getvalue() == b"my key ***\n"
    assert LineCutter().feed(f"my key {KEY}\n".encode()) == ["my key ***"]


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("read", [7, 64, 100_000])
def test_a_key_across_a_cut_of_a_long_line_is_not_shown(end: bytes, read: int) -> None:
    """However the bytes arrive."""
    cutter = LineCutter(limit=50)
    data = b"x" * 40 + KEY.encode() + b"y" * (HELD_BYTES + 200) + end
    pieces = [data[start : start + read] for start in range(0, len(data), read)]

    lines = [line for piece in pieces for line in cutter.feed(piece)] + cutter.finish()

    assert len("".join(lines)) == len(data) - len(end)
    assert "plant" not in "".join(lines)
    assert "tests" not in "".join(lines)


def test_an_event_is_masked_in_the_journal() -> None:
    """Its prose; names by which things are found again stay."""
    event = EventRecord(time=0.0, kind="k", text=KEY, job=KEY, fields={"a": [KEY]})

    row = dict(zip(EVENT_COLUMNS, to_row(event, EVENT_COLUMNS), strict=True))

    assert (row["text"], row["fields"], row["job"]) == ("***", '{"a":["***"]}', KEY)


def test_a_users_error_is_masked() -> None:
    """What is reported to LiveKit is made from this."""
    error = RuntimeError(f"401 for {KEY}")

    assert one_line(error) == "RuntimeError: 401 for ***"
    assert user_traceback(error) == "RuntimeError: 401 for ***"


# -- by construction -----------------------------------------------------------------

ASSIGNMENT = JobAssignment(
    job_id=JobId("AJ_1"),
    job=KEY.encode(),
    room="r",
    url="",
    token=KEY,
    worker_id="",
    answer=JobAnswer(accept=True),
)
RESUME = Resume(resumes=1, snapshot=b"planted")
CONFIG = ChildConfig(livekit_url=KEY, api_secret=KEY, http_proxy=KEY)


@pytest.mark.parametrize(
    "value",
    [
        LiveKitSettings(api_secret=KEY, http_proxy=KEY),
        Settings(livekit=LiveKitSettings(api_secret=KEY)),
        flags_layer({"api_secret": KEY}),
        resolve([flags_layer({"api_secret": KEY})]),
        Credential(value=KEY, origin="o"),
        CONFIG,
        Initialize(config=CONFIG),
        ASSIGNMENT,
        RESUME,
        StartJob(assignment=ASSIGNMENT, resume=RESUME),
        Hello(version=1, child_id=ChildId("c"), pid=1, assignment=ASSIGNMENT),
        Snapshot(job_id="j", version=1, data=b"planted"),
        Assigned(job_id=JobId("j"), job=b"", room="r", url="", token=KEY),
        AppInfo(settings={"api_secret": KEY}),
        ServerOptions(entrypoint_fnc=entrypoint, api_secret=KEY, http_proxy=KEY),
        JobRecord(id=JobId("j"), state="running", assignment=b"planted"),
        SnapshotRecord(job=JobId("j"), version=1, time=0.0, data=b"planted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_tells_a_secret(value: object) -> None:
    """Settings and frames end up in tracebacks and debug logs."""
    assert "planted" not in f"{value!r} {value}"
