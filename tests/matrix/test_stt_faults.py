"""A recogniser's service that fails, in each way, alone and with another behind it.

A real session listens to a microphone in memory and asks the real plugin, which asks the mock over
real sockets. The user speaks twice: while the service fails, and after.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from agentd.errors import APIError
from agentd.resilience import APIConnectOptions
from agentd.resilience.circuits import forget_circuits
from agentd.stt import STT, FallbackAdapter
from agentd.testing import FakeLLM, FakeVAD, Scene
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.voice.options import SessionConnectOptions
from agentd_openai.stt import STT as OpenAI
from tests.matrix.rows import FAULTS as ALL
from tests.matrix.rows import Row

ATTEMPT = 0.4
"""Seconds that a recogniser has for an utterance."""
DEADLINE = 10.0
"""Seconds for an utterance to be answered, or given up, on a slow machine."""
OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=ATTEMPT)

FAULTS = {
    # An answer is one piece, so what strikes in mid-stream strikes in the middle of that.
    **{name: msgspec.structs.replace(fault, after=0) for name, fault in ALL.items()},
    "empty": HttpFault(kind=HttpFaultKind.EMPTY),
}

ROWS = [
    *(
        Row(
            kind="stt",
            fault=fault,
            fallback=False,
            outcome="Tried again once, then the utterance is lost and the error told; the "
            "recogniser is begun anew, and the next utterance is understood and answered.",
        )
        for fault in FAULTS
    ),
    *(
        Row(
            kind="stt",
            fault=fault,
            fallback=True,
            outcome="The other recogniser is given the same audio: the utterance is in the "
            "conversation once, and answered.",
        )
        for fault in FAULTS
    ),
]
ALONE = [row for row in ROWS if not row.fallback]
BACKED = [row for row in ROWS if row.fallback]


class Stage:
    """A session that listens, its services, and what it told."""

    def __init__(self, scene: Scene, first: MockOpenAI, second: MockOpenAI) -> None:
        self.scene = scene
        self.first = first
        self.second = second
        self.errors: list[Any] = []
        self._changed = asyncio.Event()
        for event in ("error", "conversation_item_added"):
            scene.session.on(event, self._note)

    def _note(self, event: Any) -> None:
        error = getattr(event, "error", None)
        if error is not None and not getattr(error, "recoverable", False):
            self.errors.append(getattr(error, "error", error))
        self._changed.set()

    def said(self, role: str) -> list[str]:
        """What the conversation has of somebody."""
        messages = self.scene.session.history.messages()
        return [each.text_content or "" for each in messages if each.role == role]

    async def until(self, role: str, text: str) -> None:
        """Wait until somebody has said something. Has an end, whatever happens."""
        await self._until(lambda: text in self.said(role))

    async def until_told(self) -> None:
        """Wait until an error was told."""
        await self._until(lambda: bool(self.errors))

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def stage(*, fallback: bool) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        first.transcriptions.hears("by the first", "by the first again")
        second.transcriptions.hears("by the second", "by the second again")
        models: list[STT] = [
            OpenAI(base_url=api.base_url, api_key="sk-nobody") for api in (first, second)
        ]
        vad = FakeVAD()
        stt = models[0]
        if fallback:
            stt = FallbackAdapter(
                models, vad=vad, attempt_timeout=ATTEMPT, max_retry_per_stt=0, retry_interval=60.0
            )
        scene = Scene(
            stt=stt,
            vad=vad,
            llm=FakeLLM(default="Yes."),
            conn_options=SessionConnectOptions(stt_conn_options=OPTIONS),
            turn_handling={"endpointing": {"min_delay": 0.1, "max_delay": 0.3}},
        )
        try:
            async with scene:
                yield Stage(scene, first, second)
        finally:
            await stt.aclose()
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


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row.name)
async def test_alone_a_fault_costs_the_utterance_and_no_more(row: Row) -> None:
    """It is tried again once, told, and the conversation goes on."""
    async with stage(fallback=False) as played:
        played.first.transcriptions.faults.always(FAULTS[row.fault])
        played.scene.mic.speak(0.5)
        await played.until_told()
        tried = len(played.first.transcriptions.requests)
        played.first.transcriptions.faults.always(None)
        played.first.transcriptions.hears("and now")
        played.scene.mic.speak(0.5, start_in=1.0)
        await played.until("user", "and now")
        await played.until("assistant", "Yes.")

        assert tried == 2
        assert isinstance(played.errors[0], APIError)
        assert played.said("user") == ["and now"]
        assert played.scene.lines("close") == []


@pytest.mark.parametrize("row", BACKED, ids=lambda row: row.name)
async def test_with_a_fallback_the_utterance_is_understood(row: Row) -> None:
    """Once, and without an error of the session's."""
    async with stage(fallback=True) as played:
        played.first.transcriptions.faults.always(FAULTS[row.fault])
        played.scene.mic.speak(0.5)
        await played.until("user", "by the second")
        await played.until("assistant", "Yes.")

        first, second = (api.transcriptions.requests for api in (played.first, played.second))
        assert played.said("user") == ["by the second"]
        assert first[0].body["file"] == second[0].body["file"]
        assert played.errors == []
        assert played.scene.lines("close") == []


async def test_after_it_is_well_again_the_first_is_asked() -> None:
    """The conversation does not stay with the second choice for ever."""
    async with stage(fallback=False) as played:
        played.first.transcriptions.faults.add(FAULTS["server_errors"])
        played.scene.mic.speak(0.5)
        await played.until("user", "by the first")

        assert len(played.first.transcriptions.requests) == 2
        assert played.errors == []
