"""What the parts of TurnMachine know together, and the one thing that they all do."""

from __future__ import annotations

from .actions import InterruptReason, InterruptReply
from .agent_speech import AgentSpeech, Reply
from .endpointing import Endpointing
from .interruption import is_automatic
from .options import TurnRules
from .outbox import Outbox
from .setup import TurnSetup
from .user_turn import UserTurn
from .user_voice import UserVoice


class TurnFacts:
    """The state of the conversation at one instant. The parts read it; the machine keeps it."""

    def __init__(self, rules: TurnRules, setup: TurnSetup, *, now: float) -> None:
        self.rules = rules
        self.setup = setup
        self.now = now
        self.voice = UserVoice(setup)
        self.turn = UserTurn(self.voice)
        self.agent = AgentSpeech()
        self.endpointing = Endpointing(rules.endpointing)
        self.out = Outbox()
        self.present = False
        """Whether there is a user."""
        self.left = False
        """Whether there was one who is gone."""
        self.handing_off = False
        self.warm_at: float | None = None
        """When the echo canceller has learned; None before the agent was first heard, and where
        there is no echo."""

    @property
    def warming_up(self) -> bool:
        """Whether what is heard counts as the agent's echo."""
        return self.warm_at is not None and self.now < self.warm_at

    @property
    def automatic(self) -> bool:
        """Whether the machine itself says when a turn is over, and when the user interrupts."""
        return is_automatic(self.setup)

    @property
    def turn_open(self) -> bool:
        """Whether the user has said something that is still to be decided on, by the machine."""
        if not self.automatic or self.turn.aside is not None:
            return False
        return self.turn.has_text if self.setup.has_stt else self.turn.spoken

    def can_be_stopped(self, reply: Reply) -> bool:
        """Whether the user's voice may hold, pause or cut off a speech now."""
        return reply.interruptible and self.automatic and not self.warming_up

    def interrupt(self, reply: Reply, reason: InterruptReason) -> None:
        """Cut a speech off."""
        self.out.add(
            InterruptReply(
                speech_id=reply.speech_id, reason=reason, audible_duration=reply.heard(self.now)
            )
        )
        if self.agent.reply is reply:
            self.agent.reply = None
