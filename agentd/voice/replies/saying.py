"""Speaking a given text, with the agent's voice or with audio that comes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.audio.frame import AudioFrame
from agentd.llm.clean_text import CleanPieces, clean
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.models import Setting
from agentd.voice.options import OutageKind
from agentd.voice.speech import Speech
from agentd.voice.tools.run import ToolCallRun

from .delivery import Delivery
from .message import assistant_message
from .outlet import make_outlet


class Saying:
    """The work on one `session.say`."""

    def __init__(  # noqa: PLR0913 - what is said, by whom and how, by name where it is optional
        self,
        bench: Bench,
        agent: Agent,
        setting: Setting,
        speech: Speech,
        text: str | AsyncIterable[str],
        *,
        audio: AsyncIterable[AudioFrame] | None = None,
        add_to_chat_ctx: bool = True,
        aloud: bool = True,
    ) -> None:
        """Without `aloud` the voice is left in peace, and the text is only written."""
        self._bench = bench
        self._agent = agent
        self._setting = setting
        self._speech = speech
        self._text = text
        self._audio = audio
        self._add_to_chat_ctx = add_to_chat_ctx
        self._aloud = aloud
        self._delivery: Delivery | None = None
        self._has_floor = False
        self._again: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Speak. Raises what the text's iterator raises."""
        while True:
            delivery = self._delivery = self._make_delivery()
            async with TaskOwner("say") as owner:
                interrupted = await self._speak(delivery, owner)
            if not self._again.done() or interrupted:
                break
            self._again = asyncio.get_running_loop().create_future()
        message = assistant_message(delivery, interrupted=interrupted, models=self._setting.models)
        if message is not None and self._add_to_chat_ctx:
            self._bench.log.add(message, self._agent, self._speech)

    # -- for who watches it ------------------------------------------------------------

    @property
    def tools_at_work(self) -> list[ToolCallRun]:
        """None."""
        return []

    def waits_for(self) -> OutageKind | None:
        """See Work."""
        delivery = self._delivery
        owes = delivery is not None and self._has_floor and delivery.owes_sound
        return "tts" if owes else None

    def fail(self, error: Exception) -> None:
        """Does nothing: there is no model that writes."""

    def so_far(self, at: float) -> tuple[str, str]:
        """What was heard of it up to an instant, and what is known of the rest."""
        if self._delivery is None or not self._add_to_chat_ctx:
            return "", ""
        return self._delivery.so_far(at)

    def stages(self) -> dict[str, str]:
        """What each stage is doing, for people."""
        spoken = self._delivery is not None and self._delivery.tts_ttfb is not None
        return {
            "floor": "speaking" if self._has_floor else "waiting for its turn",
            "tts": "has spoken" if spoken else "no audio",
        }

    def can_retry(self) -> bool:
        """Whether saying it again does no harm: it is there as a whole, and nothing was heard."""
        delivery = self._delivery
        fresh = delivery is not None and delivery.first_audible_at is None and not delivery.text
        return fresh and self._has_floor and isinstance(self._text, str) and self._audio is None

    def retry(self) -> None:
        """Say it again from the start."""
        if not self._again.done():
            self._again.set_result(None)

    # -- the work ------------------------------------------------------------------------

    def _make_delivery(self) -> Delivery:
        bench, setting = self._bench, self._setting
        outlet = make_outlet(self._agent, setting, bench.output, bench.rate, audio=self._audio)
        if not self._aloud and self._audio is None:
            outlet = replace(outlet, voice=None)
        return Delivery(
            outlet,
            bench.stage,
            on_voice_failed=lambda error: bench.faults.failed("tts", error, setting.models.tts),
            on_sentence=bench.progress,
        )

    async def _speak(self, delivery: Delivery, owner: TaskOwner) -> bool:
        """Have it heard; says whether it was interrupted."""
        speech = self._speech
        preparing = owner.start(
            delivery.prepare(_pieces(self._text), owner), name="text", report=False
        )
        async with self._bench.mouth.floor(speech) as granted:
            if not granted:
                return True
            self._has_floor = True
            playing = owner.start(delivery.play(speech, owner), name="playing", report=False)
            await asyncio.wait(
                {playing, speech.interruption, self._again}, return_when=asyncio.FIRST_COMPLETED
            )
            self._has_floor = False
            if playing.done() and not speech.interrupted:
                playing.result()
                await preparing
                return False
            await cancel_and_wait(playing)
            await delivery.cut()
            return speech.interrupted


async def _pieces(text: str | AsyncIterable[str]) -> AsyncIterator[str]:
    if isinstance(text, str):
        yield clean(text)
        return
    pieces = CleanPieces()
    async for piece in text:
        yield pieces.push(piece)
    yield pieces.finish()
