"""A transcription service that fails, in each way, alone and with another behind it.

A user speaks, a session's VAD cuts the utterance, and the real plugin sends it to the mock as a
file, over real sockets. Streams are in test_stt_stream_faults.py.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentd.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from agentd.resilience import forget_circuits
from agentd.testing.mock_openai import HttpFault, HttpFaultKind
from tests.matrix.listening import ANSWER, FIRST, LATER, SECOND, stage
from tests.matrix.rows import FAULTS, Row

STT_FAULTS = {
    **{name: replace(fault, after=0) for name, fault in FAULTS.items()},
    "empty": HttpFault(kind=HttpFaultKind.EMPTY),
}
"""A transcript comes in one piece, so that what strikes in mid-stream strikes in the midst of it:
after the head of the answer, or after half of its body."""

LOST = (
    "Sent again once, the utterance fails again: the error is told, the conversation has nothing "
    "of it, the session listens on, and the next utterance is understood and answered. A fault "
    "that is over by the second try is not noticed."
)
BACKED = (
    "The other service is given the same utterance, understands it, and it is answered once; the "
    "session has no error."
)
GIVEN_UP = "Each try is given up at its deadline; then: "

ROWS = [
    Row(
        kind="stt",
        fault=fault,
        fallback=fallback,
        outcome=(GIVEN_UP if fault in ("slow_first_byte", "stall") else "")
        + (BACKED if fallback else LOST),
    )
    for fault in STT_FAULTS
    for fallback in (False, True)
]
ALONE = [row for row in ROWS if not row.fallback]
WITH_ANOTHER = [row for row in ROWS if row.fallback]

ERRORS: dict[str, type[APIError]] = {
    "rate_limited": APIStatusError,
    "server_errors": APIStatusError,
    "slow_first_byte": APITimeoutError,
    "stall": APITimeoutError,
}
"""What a fault is told as; the others say that the service could not be used."""


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


def test_each_fault_is_in_the_matrix_alone_and_with_a_fallback() -> None:
    """None is forgotten."""
    assert {(row.fault, row.fallback) for row in ROWS} == {
        (fault, fallback) for fault in (*FAULTS, "empty") for fallback in (False, True)
    }


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row.name)
async def test_alone_a_fault_that_passes_is_not_noticed(row: Row) -> None:
    """The same utterance is sent again, and understood once."""
    async with stage(fallback=False) as played:
        played.first.transcriptions.faults.add(STT_FAULTS[row.fault])
        said = await played.turn()
        files = [seen.body["file"] for seen in played.first.transcriptions.requests]

        assert said == [f"user: {FIRST}", f"assistant: {ANSWER}"]
        assert len(files) == 2
        assert files[0] == files[1]
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row.name)
async def test_alone_a_fault_that_stays_costs_the_turn_and_no_more(row: Row) -> None:
    """It is tried again once, told, and the conversation goes on."""
    async with stage(fallback=False) as played:
        played.fail(STT_FAULTS[row.fault], played.first)
        said = await played.turn()
        tried = len(played.first.transcriptions.requests)
        played.fail(None, played.first)
        played.hears(LATER, LATER)
        then = await played.turn()

        assert said == []
        assert tried == 2
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIConnectionError))
        assert then == [f"user: {LATER}", f"assistant: {ANSWER}"]
        assert played.closed == []


@pytest.mark.parametrize("row", WITH_ANOTHER, ids=lambda row: row.name)
async def test_with_a_fallback_the_utterance_is_understood_once(row: Row) -> None:
    """By the other service, which is sent the same audio; the session has no error."""
    async with stage(fallback=True) as played:
        played.fail(STT_FAULTS[row.fault], played.first)
        said = await played.turn()
        sent = played.first.transcriptions.requests[0].body["file"]
        passed_on = [seen.body["file"] for seen in played.second.transcriptions.requests]
        then = await played.turn()

        assert said == [f"user: {SECOND}", f"assistant: {ANSWER}"]
        assert passed_on == [sent]
        assert then == said
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", WITH_ANOTHER, ids=lambda row: row.name)
async def test_when_both_fail_the_turn_ends_in_time_and_the_session_goes_on(row: Row) -> None:
    """Nothing hangs, and the next utterance is understood."""
    async with stage(fallback=True) as played:
        played.fail(STT_FAULTS[row.fault], played.first, played.second)
        said = await played.turn()
        played.fail(None, played.first, played.second)
        played.hears(LATER, LATER)
        then = await played.turn()

        assert said == []
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], APIConnectionError)
        assert then == [f"user: {LATER}", f"assistant: {ANSWER}"]
        assert played.closed == []
