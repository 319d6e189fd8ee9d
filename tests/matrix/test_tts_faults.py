"""A voice's service that fails, in each way, alone and with another behind it.

A real session speaks into a loudspeaker in memory and asks the real plugin, which asks the mock
over real sockets. A character takes 50 ms of a tone, so what was heard can be told by its length.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentd.errors import APIError
from agentd.resilience import APIConnectOptions
from agentd.resilience.circuits import forget_circuits
from agentd.testing import FakeLLM, FakeTTS, Scene
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.tts import TTS, FallbackAdapter
from agentd.voice.options import SessionConnectOptions
from agentd_openai.tts import TTS as OpenAI
from tests.matrix.rows import FAULTS as ALL
from tests.matrix.rows import Row

ATTEMPT = 0.4
"""Seconds that a voice has for the first sound, and for each next one."""
DEADLINE = 10.0
"""Seconds for a turn, whatever happens, on a slow machine."""
OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=ATTEMPT)
CHARACTER = 0.05
"""Seconds of sound."""
ANSWER = "It is one o'clock."

FAULTS = {**ALL, "empty": HttpFault(kind=HttpFaultKind.EMPTY)}
IN_MID_STREAM = ("stall", "reset", "truncated")
UNNOTICED = ("truncated",)
"""A body of samples that ends early looks like one that is whole."""

ROWS = [
    *(
        Row(
            kind="tts",
            fault=fault,
            fallback=False,
            outcome="Samples that end early can't be told from a whole sentence: it ends there, "
            "and the conversation goes on."
            if fault in UNNOTICED
            else "The sentence is not said again; what the voice has left out of it is written, so "
            "that the conversation has it whole; the error is told, and the next turn is spoken."
            if fault in IN_MID_STREAM
            else "Tried again once, the sentence is not heard; the error is told, and the next "
            "turn is spoken.",
        )
        for fault in FAULTS
    ),
    *(
        Row(
            kind="tts",
            fault=fault,
            fallback=True,
            outcome="As without a fallback: nobody notices."
            if fault in UNNOTICED
            else "The other voice says the rest of the sentence: nothing is heard twice but a "
            "word, and the conversation has it whole."
            if fault in IN_MID_STREAM
            else "The other voice says the sentence, whole and once.",
        )
        for fault in FAULTS
    ),
]
NOT_HEARD = [row for row in ROWS if not row.fallback and row.fault not in IN_MID_STREAM]
BROKEN_OFF = [
    row for row in ROWS if not row.fallback and row.fault in IN_MID_STREAM
    and row.fault not in UNNOTICED
]  # fmt: skip
BACKED = [row for row in ROWS if row.fallback and row.fault not in UNNOTICED]


class Stage:
    """A session that speaks, its services, and what it told."""

    def __init__(self, scene: Scene, first: MockOpenAI, second: MockOpenAI) -> None:
        self.scene = scene
        self.first = first
        self.second = second
        self.errors: list[Any] = []
        scene.session.on("error", self._note)

    def _note(self, event: Any) -> None:
        if not getattr(event.error, "recoverable", False):
            self.errors.append(getattr(event.error, "error", event.error))

    async def turn(self) -> str:
        """Have the agent answer; returns what is remembered of it. Has an end, whatever happens."""
        before = len(self.said())
        async with asyncio.timeout(DEADLINE):
            handle = self.scene.session.generate_reply(user_input="What time is it?")
            try:
                await handle
            except APIError:
                pass  # told by the event, too
        return " ".join(self.said()[before:])

    def said(self) -> list[str]:
        """What the conversation has of the agent."""
        messages = self.scene.session.history.messages()
        return [each.text_content or "" for each in messages if each.role == "assistant"]

    @property
    def heard(self) -> float:
        """Seconds that were heard."""
        return sum(segment.seconds for segment in self.scene.loudspeaker.segments)


@asynccontextmanager
async def stage(*, fallback: bool) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        for api in (first, second):
            api.speech.tts = FakeTTS(seconds_per_character=CHARACTER, chunk_delay=0.005)
        models: list[TTS] = [
            OpenAI(base_url=api.base_url, api_key="sk-nobody") for api in (first, second)
        ]
        tts = models[0]
        if fallback:
            tts = FallbackAdapter(
                models, attempt_timeout=ATTEMPT, max_retry_per_tts=0, retry_interval=60.0
            )
        scene = Scene(
            tts=tts,
            llm=FakeLLM(default=ANSWER),
            conn_options=SessionConnectOptions(tts_conn_options=OPTIONS),
        )
        try:
            async with scene:
                yield Stage(scene, first, second)
        finally:
            await tts.aclose()
            for model in models:
                await model.aclose()


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


def test_each_fault_is_in_the_matrix_alone_and_with_a_fallback() -> None:
    """None is forgotten."""
    assert {(row.fault, row.fallback) for row in ROWS} == {
        (fault, fallback) for fault in FAULTS for fallback in (False, True)
    }


@pytest.mark.parametrize("row", NOT_HEARD, ids=lambda row: row.name)
async def test_alone_a_fault_before_the_first_sound_costs_the_sentence(row: Row) -> None:
    """It is tried again once, told, and the next turn is spoken."""
    async with stage(fallback=False) as played:
        played.first.speech.faults.always(FAULTS[row.fault])
        await played.turn()
        tried = [seen.body["input"] for seen in played.first.speech.requests]
        played.first.speech.faults.always(None)
        silent = played.heard
        then = await played.turn()

        assert tried[:2] == [ANSWER] * 2
        assert isinstance(played.errors[0], APIError)
        assert silent == 0.0
        assert then == ANSWER
        assert played.heard == pytest.approx(len(ANSWER) * CHARACTER, abs=0.1)
        assert played.scene.lines("close") == []


@pytest.mark.parametrize("row", BROKEN_OFF, ids=lambda row: row.name)
async def test_alone_a_fault_within_the_sentence_leaves_the_rest_to_be_read(row: Row) -> None:
    """It is not said again from the start."""
    async with stage(fallback=False) as played:
        played.first.speech.faults.add(FAULTS[row.fault])
        said = await played.turn()
        tried = len(played.first.speech.requests)
        heard = played.heard
        then = await played.turn()

        assert tried == 1
        assert 0 < heard < len(ANSWER) * CHARACTER
        assert said == ANSWER
        assert isinstance(played.errors[0], APIError)
        assert then == ANSWER
        assert played.scene.lines("close") == []


@pytest.mark.parametrize("row", BACKED, ids=lambda row: row.name)
async def test_with_a_fallback_the_sentence_is_heard_to_its_end(row: Row) -> None:
    """By the other voice from where the first broke off; the session has no error."""
    async with stage(fallback=True) as played:
        played.first.speech.faults.always(FAULTS[row.fault])
        said = await played.turn()
        (rest,) = [seen.body["input"] for seen in played.second.speech.requests]

        whole = len(ANSWER) * CHARACTER
        assert said == ANSWER
        assert ANSWER.endswith(rest)
        assert (rest == ANSWER) == (row.fault not in IN_MID_STREAM)
        assert whole - 0.1 <= played.heard <= whole + 6 * CHARACTER
        assert played.errors == []
        assert played.scene.lines("close") == []


@pytest.mark.parametrize("fallback", [False, True], ids=["alone", "fallback"])
async def test_samples_that_end_early_end_the_sentence_only(fallback: bool) -> None:
    """Nothing hangs, and nothing is told, since nobody can know."""
    async with stage(fallback=fallback) as played:
        played.first.speech.faults.add(FAULTS["truncated"])
        await played.turn()
        heard = played.heard
        then = await played.turn()

        assert 0 < heard < len(ANSWER) * CHARACTER
        assert then == ANSWER
        assert played.errors == []


async def test_an_outage_is_learnt_once() -> None:
    """After two sentences that failed the circuit is open: the third asks nothing."""
    async with stage(fallback=False) as played:
        played.first.speech.faults.always(FAULTS["server_errors"])
        await played.turn()
        await played.turn()
        before = len(played.first.speech.requests)
        await played.turn()

        assert len(played.first.speech.requests) == before == 4
