"""Listens: from the audio input to the VAD, the STT, and whoever else hears the user."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, as_frame, silent_frame
from agentd.errors import AudioError
from agentd.io.attached import AgentInput
from agentd.io.base import AudioInput
from agentd.voice.bench import FaultDesk
from agentd.voice.turns.actions import AskEndOfTurn
from agentd.voice.turns.inputs import AudioMuted, EndOfTurnFailed, TurnInput, VadSpeechEnded

from .eot_ear import EotEar
from .stt_ear import SttEar
from .vad_ear import VadEar

logger = logging.getLogger("agentd.voice")

SILENCE_FRAME = 0.2
"""Seconds of one frame of the silence that brings an STT to an end."""
SILENCE_RATE = 16000

WAITING_SECONDS = 5.0
"""Of audio that are kept while one agent has left and the next does not listen yet."""

LOST_FRAMES = 20
"""Frames in a row that are no audio, from which on the input counts as lost: a second, mostly."""


class Hearer(Protocol):
    """Who is given the user's audio too: a realtime model."""

    def hear(self, frame: AudioFrame) -> None: ...


class AgentEars:
    """What one agent hears with; any part may be missing."""

    def __init__(
        self,
        *,
        vad: VadEar | None = None,
        stt: SttEar | None = None,
        eot: EotEar | None = None,
        model: Hearer | None = None,
        on_stt_hangs: Callable[[], None],
    ) -> None:
        self.vad = vad
        self.stt = stt
        self.eot = eot
        self.model = model
        self._on_stt_hangs = on_stt_hangs

    def hear(self, frame: AudioFrame, at: float, *, masked: AudioFrame) -> list[TurnInput]:
        """Take the next audio. STT and model get it masked, where the agent may not be
        interrupted."""
        if self.stt is not None:
            self.stt.hear(masked)
        if self.model is not None:
            self.model.hear(masked)
        if self.eot is not None:
            self.eot.hear(frame)
        return self._heard(self.vad.hear(frame, at) if self.vad is not None else [])

    def flush(self, at: float) -> list[TurnInput]:
        """The audio pauses here."""
        return self._heard(self.vad.flush(at) if self.vad is not None else [])

    def _heard(self, inputs: list[TurnInput]) -> list[TurnInput]:
        ended = any(isinstance(event, VadSpeechEnded) for event in inputs)
        if ended and self.stt is not None and self.stt.utterance_ended():
            self._on_stt_hangs()
        return inputs


class Ears:
    """The session's. `run` is its work, `attend` gives it the agent that listens."""

    def __init__(
        self,
        input: AgentInput,
        *,
        feed: Callable[[TurnInput], None],
        faults: FaultDesk,
        lost: Callable[[str], None],
    ) -> None:
        """`lost` is called where the input gives nothing that is audio, with the reason."""
        self._input = input
        self._feed = feed
        self._faults = faults
        self._lost = lost
        self._agent: AgentEars | None = None
        self._silent = False
        self._deaf = False
        self._muted = False
        self._last_frame: AudioFrame | None = None
        self._waiting: deque[AudioFrame] = deque()
        self._unusable = 0
        self._in_a_row = 0
        self._changed = asyncio.Event()
        input.subscribe(self._changed.set)

    @property
    def agent(self) -> AgentEars | None:
        """What is listened with."""
        return self._agent

    def attend(self, ears: AgentEars | None) -> None:
        """Another agent listens from now on, to what has come meanwhile too; or nobody."""
        self._agent = ears
        while ears is not None and self._waiting:
            self._hear(self._waiting.popleft())

    def listen_by(self, model: Hearer | None) -> None:
        """The agent's realtime model has another session, which hears from now on."""
        if self._agent is not None:
            self._agent.model = model

    def deafen(self) -> None:
        """The session closes: hear nothing more. What was heard may still be understood."""
        self._deaf = True

    def feed_silence(self, on: bool) -> None:
        """Give STT and model silence in place of the user's audio, or not any more."""
        self._silent = on

    def ask_end_of_turn(self, question: AskEndOfTurn) -> None:
        """Has the user finished?"""
        eot = self._agent.eot if self._agent is not None else None
        if eot is None:
            self._feed(EndOfTurnFailed(at=now(), request_id=question.request_id))
        else:
            eot.ask(question)

    def turn_is_over(self) -> None:
        """The user has taken a turn: what comes is another."""
        if self._agent is not None and self._agent.eot is not None:
            self._agent.eot.forget()

    def understood(self, language: str) -> None:
        """The user was understood to speak this language."""
        if language and self._agent is not None and self._agent.eot is not None:
            self._agent.eot.language = language

    def flush_transcript(self, seconds: float) -> None:
        """Where no audio flows, give the STT silence, so that it comes to an end."""
        stt = self._agent.stt if self._agent is not None else None
        flows = self._input.active_audio is not None and not self._deaf
        if stt is None or flows:
            return
        rate = self._last_frame.sample_rate if self._last_frame is not None else SILENCE_RATE
        for _ in range(round(seconds / SILENCE_FRAME)):
            stt.hear(silent_frame(SILENCE_FRAME, rate))

    async def run(self) -> None:
        """Listen to whatever input there is, until cancelled. Raises what the input raises."""
        while True:
            self._changed.clear()
            source = self._input.active_audio
            self._note_muted(source is None)
            async with TaskOwner("ears") as owner:
                changed = owner.start(self._changed.wait(), name="input changed")
                if source is None:
                    await changed
                    continue
                listening = owner.start(self._listen(source), name="listening", report=False)
                await asyncio.wait({changed, listening}, return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    listening.result()
                    # The source has ended: the next one is waited for.
                    self._hear_pause()
                    await changed
                await cancel_and_wait(listening)

    async def _listen(self, source: AudioInput) -> None:
        async for frame in source:
            try:
                self._hear(as_frame(frame))
                self._in_a_row = 0
            except AudioError as error:
                self._leave_out(error)

    def _leave_out(self, error: AudioError) -> None:
        self._unusable += 1
        self._in_a_row += 1
        if self._in_a_row == LOST_FRAMES:
            self._lost(str(error))
        if self._unusable & (self._unusable - 1) == 0:  # said at 1, 2, 4, 8, ...
            logger.warning(
                "frames of the audio input are no audio: they are left out",
                extra={
                    "action": "audio_unusable",
                    "frames": self._unusable,
                    "error": str(error),
                },
            )

    def _hear(self, frame: AudioFrame) -> None:
        agent = self._agent
        self._last_frame = frame
        if self._deaf or not frame.data:
            return
        if agent is None:
            self._keep(frame)
            return
        masked = frame
        if self._silent:
            masked = silent_frame(frame.duration, frame.sample_rate, frame.num_channels)
        try:
            inputs = agent.hear(frame, now(), masked=masked)
        except AudioError:
            raise
        except Exception as error:  # noqa: BLE001 - a realtime model of others
            self._faults.failed("realtime", error, agent.model)
            return
        for event in inputs:
            self._feed(event)

    def _keep(self, frame: AudioFrame) -> None:
        self._waiting.append(frame)
        while sum(kept.duration for kept in self._waiting) > WAITING_SECONDS:
            self._waiting.popleft()

    def _hear_pause(self) -> None:
        if self._agent is not None:
            for event in self._agent.flush(now()):
                self._feed(event)

    def _note_muted(self, muted: bool) -> None:
        if muted is self._muted:
            return
        self._muted = muted
        if muted:
            self._hear_pause()
        self._feed(AudioMuted(at=now(), muted=muted))
