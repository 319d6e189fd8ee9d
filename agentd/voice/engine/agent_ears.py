"""Puts together what one agent hears with, and keeps its STT running."""

from __future__ import annotations

import logging

from agentd.aio.tasks import TaskOwner
from agentd.errors import SupervisionError
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import task_child
from agentd.voice.agent import Agent, is_overridden
from agentd.voice.models import Setting
from agentd.voice.senses.ears import AgentEars, Hearer
from agentd.voice.senses.eot_ear import EotEar
from agentd.voice.senses.stt_ear import SttEar
from agentd.voice.senses.vad_ear import VadEar
from agentd.voice.turns.options import TurnRules, resolve_turn_rules
from agentd.voice.turns.setup import ChosenSetup, Equipment, TurnSetup, choose_turn_setup

from .core import Core

logger = logging.getLogger("agentd.voice")

STT_CHILD = "stt"

STT_BACKOFF = BackoffSettings(base=0.5, cap=10.0)
"""Before an STT is started anew; livekit-agents waits half a second, always."""


class Listening:
    """One agent's listening, from its start to its end."""

    def __init__(self, core: Core, agent: Agent, setting: Setting, owner: TaskOwner) -> None:
        self._core = core
        self._agent = agent
        self._setting = setting
        self._owner = owner

    async def start(self, model: Hearer | None = None) -> tuple[TurnRules, TurnSetup]:
        """Listen; gives what turns are taken by. `model` hears the user as well."""
        rules, setup = self.rules()
        ears = self._make(setup, model)
        self._core.ears.attend(ears)
        if ears.stt is not None:
            await self._core.supervisor.add(stt_child(ears.stt))
        return rules, setup

    def rules(self) -> tuple[TurnRules, TurnSetup]:
        """What turns are taken by, with the models there are."""
        chosen = self._choose()
        for warning in chosen.warnings:
            logger.warning(
                "what was asked of turn detection is not possible",
                extra={"action": "turn_detection", "agent": self._agent.id, "what": warning},
            )
        options = self._setting.options
        rules = resolve_turn_rules(
            self._setting.turn_handling,
            detector=chosen.setup.detector,
            user_away_timeout=options.user_away_timeout,
            aec_warmup_duration=options.aec_warmup_duration,
            transcription_timeout=options.transcription_timeout,
        )
        return rules, chosen.setup

    async def stop(self) -> None:
        """Listen no more. May be repeated."""
        self._core.ears.attend(None)
        await end_child(self._core.supervisor, STT_CHILD)

    def _choose(self) -> ChosenSetup:
        setting, models = self._setting, self._setting.models
        stt = models.stt
        output = self._core.bench.output.active_audio
        takes_turns = models.realtime is not None and models.realtime.capabilities.turn_detection
        return choose_turn_setup(
            setting.turn_handling.get("turn_detection"),
            Equipment(
                has_vad=models.vad is not None,
                has_stt=self._has_stt(),
                stt_streams=stt is None or stt.capabilities.streaming,
                interim_results=stt is None or stt.capabilities.interim_results,
                model_takes_turns=takes_turns,
                can_pause=output is not None and output.can_pause,
            ),
        )

    def _has_stt(self) -> bool:
        return self._setting.hearing is not None or is_overridden(self._agent, "stt_node")

    def _make(self, setup: TurnSetup, model: Hearer | None) -> AgentEars:
        core, setting = self._core, self._setting
        detector = setting.detector if setup.detector is not None else None
        vad = setting.models.vad
        return AgentEars(
            vad=VadEar(vad, faults=core.bench.faults) if vad is not None else None,
            stt=SttEar(self._agent, setting, feed=core.feed, faults=core.bench.faults)
            if setup.has_stt
            else None,
            eot=None
            if detector is None
            else EotEar(
                detector,
                owner=self._owner,
                history=lambda: self._agent.chat_ctx,
                feed=core.feed,
            ),
            model=model,
            on_stt_hangs=self._restart_stt,
        )

    def _restart_stt(self) -> None:
        logger.warning(
            "the STT says nothing about what the VAD hears: it is started anew and hears it again",
            extra={"action": "stt_hangs", "agent": self._agent.id},
        )
        self._owner.start(self._renew_stt(), name="restart stt")

    async def _renew_stt(self) -> None:
        ears = self._core.ears.agent
        await end_child(self._core.supervisor, STT_CHILD)
        if ears is not None and ears.stt is not None and self._core.ears.agent is ears:
            ears.stt.hear_again()
            await self._core.supervisor.add(stt_child(ears.stt))


def stt_child(stt: SttEar) -> ChildSpec:
    """The STT as a child: one that fails is started anew, however often."""
    return ChildSpec(
        id=STT_CHILD,
        start=task_child(stt.run, name=STT_CHILD),
        restart=RestartPolicy.PERMANENT,
        shutdown=1.0,
        backoff=STT_BACKOFF,
        on_exceeded=OnExceeded.COOL_DOWN,
    )


async def end_child(supervisor: Supervisor, child_id: str) -> None:
    """Stop a child and forget it; nothing where there is none."""
    try:
        await supervisor.terminate(child_id)
        supervisor.delete(child_id)
    except SupervisionError:
        return
