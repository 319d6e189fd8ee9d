"""A transcription service that fails in the midst of a stream, alone and with another behind it.

The real plugin streams to the mock over a WebSocket; the service notices the turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agentd.errors import APIError
from agentd.resilience import forget_circuits
from agentd.testing.mock_openai import UNHEARD, MockOpenAI, RealtimeConnection, Unheard
from agentd_openai import transcribing
from tests.matrix.listening import ANSWER, DEADLINE, FIRST, LATER, SECOND, UTTERANCE, stage
from tests.matrix.rows import FAULTS, Row

ATTEMPT = 1.0
"""Seconds that a connection has to take the audio that waits."""

Break = Callable[[RealtimeConnection], Awaitable[None]]

WITHIN: dict[str, Break] = {
    "stream_closed_1001": lambda connection: connection.close(1001),
    "stream_closed_1006": lambda connection: connection.close(1006),
    "stream_closed_1011": lambda connection: connection.close(1011),
    "stream_cut_frame": lambda connection: connection.cut_frame(),
    "stream_expired": lambda connection: connection.expire(),
    "stream_error_event": lambda connection: connection.fail("server_error"),
}
"""What goes wrong while the user speaks."""
HANDSHAKES = [f"stream_handshake_{fault}" for fault in FAULTS]
TEXTS: dict[str, Unheard | None] = {"stream_not_understood": None, "stream_no_text": UNHEARD}
"""What the service makes of an utterance."""

AGAIN = (
    "Another connection is opened and hears the utterance from its beginning; it is understood and "
    "answered once."
)
BACKED = (
    "Where the service can't be reached again, the other one hears the utterance from its "
    "beginning; it is understood and answered once, and the session has no error."
)
STAYS = (
    " Where it goes on failing, the error is told, the session listens on, and the next utterance "
    "is understood."
)

ROWS = [
    *(
        Row(kind="stt", fault=fault, fallback=fallback, outcome=BACKED if fallback else AGAIN)
        for fault in (*WITHIN, *TEXTS)
        for fallback in (False, True)
    ),
    *(
        Row(
            kind="stt",
            fault=fault,
            fallback=fallback,
            outcome=BACKED if fallback else AGAIN + STAYS,
        )
        for fault in HANDSHAKES
        for fallback in (False, True)
    ),
]


def those(faults: object, *, fallback: bool) -> list[Row]:
    """The rows of some faults."""
    assert isinstance(faults, dict | list)
    return [row for row in ROWS if row.fault in faults and row.fallback is fallback]


def handshake_fault(api: MockOpenAI, row: Row, *, always: bool) -> None:
    """Have the next handshake fail, or every one."""
    fault = FAULTS[row.fault.removeprefix("stream_handshake_")]
    if always:
        api.realtime.faults.always(fault)
    else:
        api.realtime.faults.add(fault)


def out_of_reach(api: MockOpenAI) -> None:
    """No further connection is to be had."""
    api.realtime.faults.always(FAULTS["server_errors"])


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


@pytest.mark.parametrize("row", those(WITHIN, fallback=False), ids=lambda row: row.name)
async def test_alone_an_utterance_is_heard_again_on_another_connection(row: Row) -> None:
    """From its beginning, and understood once."""
    async with stage(fallback=False, attempt=ATTEMPT, use_realtime=True) as played:
        connection = await played.first.realtime.connected()
        turn = asyncio.create_task(played.turn())
        await played.until_speaking()
        await WITHIN[row.fault](connection)
        said = await turn
        again = await played.first.realtime.connected(2)

        assert said == [f"user: {FIRST}", f"assistant: {ANSWER}"]
        assert played.said() == said
        assert again.hearing.ms >= 1000 * UTTERANCE
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(WITHIN, fallback=True), ids=lambda row: row.name)
async def test_with_a_fallback_the_other_service_hears_it_from_its_beginning(row: Row) -> None:
    """The first one is lost while the user speaks, and out of reach then."""
    async with stage(fallback=True, attempt=ATTEMPT, use_realtime=True) as played:
        connection = await played.first.realtime.connected()
        turn = asyncio.create_task(played.turn())
        await played.until_speaking()
        out_of_reach(played.first)
        await WITHIN[row.fault](connection)
        said = await turn

        assert said == [f"user: {SECOND}", f"assistant: {ANSWER}"]
        assert played.said() == said
        assert played.second.realtime.current.hearing.ms >= 1000 * UTTERANCE
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(TEXTS, fallback=False), ids=lambda row: row.name)
async def test_alone_what_was_not_understood_is_heard_again(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service says that it has failed, or never says anything; the utterance is not lost."""
    monkeypatch.setattr(transcribing, "LAST_WORDS_TIMEOUT", 0.5)
    async with stage(fallback=False, attempt=ATTEMPT, use_realtime=True) as played:
        played.first.realtime.script.hears = [TEXTS[row.fault], FIRST]
        said = await played.turn()

        assert said == [f"user: {FIRST}", f"assistant: {ANSWER}"]
        assert len(played.first.realtime.connections) == 2
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(TEXTS, fallback=True), ids=lambda row: row.name)
async def test_with_a_fallback_what_was_not_understood_is_heard_there(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a second try."""
    monkeypatch.setattr(transcribing, "LAST_WORDS_TIMEOUT", 0.5)
    async with stage(fallback=True, attempt=ATTEMPT, use_realtime=True) as played:
        played.first.realtime.script.hears = [TEXTS[row.fault]] * 2
        said = await played.turn()

        assert said == [f"user: {SECOND}", f"assistant: {ANSWER}"]
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(HANDSHAKES, fallback=False), ids=lambda row: row.name)
async def test_alone_a_handshake_that_fails_is_made_again(row: Row) -> None:
    """What is said meanwhile waits, and is understood."""
    async with stage(
        fallback=False,
        attempt=ATTEMPT,
        use_realtime=True,
        prepare=lambda api: handshake_fault(api, row, always=False),
    ) as played:
        said = await played.turn()

        assert said == [f"user: {FIRST}", f"assistant: {ANSWER}"]
        assert len(played.first.realtime.requests) == 2
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(HANDSHAKES, fallback=True), ids=lambda row: row.name)
async def test_with_a_fallback_a_service_out_of_reach_is_not_missed(row: Row) -> None:
    """The other one hears all of it; the session has no error."""
    async with stage(
        fallback=True,
        attempt=ATTEMPT,
        use_realtime=True,
        prepare=lambda api: handshake_fault(api, row, always=True),
    ) as played:
        said = await played.turn()

        assert said == [f"user: {SECOND}", f"assistant: {ANSWER}"]
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("fallback", [False, True], ids=["alone", "fallback"])
async def test_when_nobody_can_be_reached_the_session_waits(fallback: bool) -> None:
    """The error is told, and the next utterance is understood once a service is there again."""
    async with stage(
        fallback=fallback, attempt=ATTEMPT, use_realtime=True, prepare=out_of_reach
    ) as played:
        out_of_reach(played.second)
        async with asyncio.timeout(DEADLINE):
            await played.changed.until(lambda: played.errors != [])
        for api in (played.first, played.second):
            api.realtime.faults.always(None)
        played.hears(LATER, LATER)
        then = await played.turn()

        assert isinstance(played.errors[0], APIError)
        assert then == [f"user: {LATER}", f"assistant: {ANSWER}"]
        assert played.closed == []
