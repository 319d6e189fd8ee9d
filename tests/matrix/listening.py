"""A user who is not understood: a session whose transcription is a mock's, over real sockets.

The language model and the microphone are fakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agentd import Agent, AgentSession
from agentd.aio.bell import Bell
from agentd.resilience import APIConnectOptions
from agentd.stt import STT, FallbackAdapter
from agentd.testing import FakeAudioInput, FakeLLM, FakeVAD
from agentd.testing.mock_openai import HttpFault, MockOpenAI
from agentd.voice.options import OutageOptions, SessionConnectOptions
from agentd_openai.stt import STT as OpenAI

ATTEMPT = 0.4
"""Seconds that a service has for an utterance."""
DEADLINE = 6.0
"""Seconds from the first sound of a turn to what came of it, whatever happens: the utterance, the
silence behind it, two attempts at each service, and a slow machine."""
UTTERANCE = 0.4
"""Seconds of speech."""

FIRST, SECOND, LATER = "One, by the first.", "One, by the second.", "Two, by whoever is left."
ANSWER = "Understood."
MANY = 20
"""Utterances that a service understands."""


@dataclass
class Stage:
    """A session, its services, and what it told."""

    session: AgentSession[Any]
    mic: FakeAudioInput
    first: MockOpenAI
    second: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    """Those after which no other attempt was made."""
    closed: list[object] = field(default_factory=list)
    changed: Bell = field(default_factory=Bell)

    async def turn(self) -> list[str]:
        """Speak; returns what the conversation has of it, when it was answered or an error told.

        Has an end, whatever happens.
        """
        said, failed = len(self.said()), len(self.errors)
        self.mic.speak(UTTERANCE)
        async with asyncio.timeout(DEADLINE):
            await self.changed.until(
                lambda: len(self.said()) >= said + 2 or len(self.errors) > failed
            )
        return self.said()[said:]

    def said(self) -> list[str]:
        """The conversation, a line each."""
        messages = self.session.history.messages()
        return [f"{each.role}: {each.text_content}" for each in messages if each.role != "system"]

    async def until_speaking(self) -> None:
        """Return once the user is heard to speak."""
        async with asyncio.timeout(DEADLINE):
            await self.changed.until(lambda: self.session.user_state == "speaking")

    def hears(self, first: str, second: str) -> None:
        """Each service takes every utterance for its text."""
        for api, text in ((self.first, first), (self.second, second)):
            api.transcriptions.hears(*[text] * MANY)
            api.realtime.script.hears = [text] * MANY

    def fail(self, fault: HttpFault | None, *apis: MockOpenAI) -> None:
        """From now on these services fail like this; None, and they are well."""
        for api in apis:
            api.transcriptions.faults.always(fault)

    def heard_error(self, event: Any) -> None:
        """An error was told."""
        if not getattr(event.error, "recoverable", False):
            self.errors.append(getattr(event.error, "error", event.error))
            self.changed.ring()

    def something_changed(self, _: object) -> None:
        """The conversation has one item more, or the user is in another state."""
        self.changed.ring()


@asynccontextmanager
async def stage(
    *,
    fallback: bool,
    attempt: float = ATTEMPT,
    prepare: Callable[[MockOpenAI], None] = lambda _: None,
    **options: Any,
) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback.

    `prepare` is done with the first one before; `options` are those of the plugin.
    """
    async with MockOpenAI() as first, MockOpenAI() as second:
        vad = FakeVAD(min_silence_duration=0.15)
        models = [
            OpenAI(base_url=api.base_url, api_key="sk-nobody", **options) for api in (first, second)
        ]
        stt: STT = models[0]
        if fallback:
            stt = FallbackAdapter(models, vad=vad, attempt_timeout=attempt, retry_interval=1.0)
        session: AgentSession[Any] = AgentSession(
            stt=stt,
            vad=vad,
            llm=FakeLLM(default=ANSWER),
            turn_handling={"endpointing": {"min_delay": 0.1, "max_delay": 0.3}},
            user_away_timeout=None,
            aec_warmup_duration=None,
            on_outage=OutageOptions(hold=0.0),  # what it says then is in conversation/test_outages
            conn_options=SessionConnectOptions(
                stt_conn_options=APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=attempt)
            ),
        )
        mic = FakeAudioInput(frame_seconds=0.02)
        session.input.audio = mic
        made = Stage(session=session, mic=mic, first=first, second=second)
        made.hears(FIRST, SECOND)
        prepare(first)
        session.on("error", made.heard_error)
        session.on("close", made.closed.append)
        for event in ("conversation_item_added", "user_state_changed"):
            session.on(event, made.something_changed)
        await session.start(Agent(instructions="Be brief."))
        try:
            yield made
        finally:
            await session.aclose()
            await stt.aclose()
            for model in models:
                await model.aclose()
