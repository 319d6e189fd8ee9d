"""A session at work: its parts, put together, and told of each other.

The face of it is `AgentSession`; what happens in here is told by the parts.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from typing import Any

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.audio.frame import AudioFrame
from agentd.errors import SessionError
from agentd.io.attached import AgentInput, AgentOutput
from agentd.io.base import VideoFrame
from agentd.llm.chat import ChatContext
from agentd.llm.items import FunctionCall
from agentd.voice.agent_base import AgentBase, AnyTool
from agentd.voice.bench import Bench
from agentd.voice.chatlog import ChatLog
from agentd.voice.context import RunContext
from agentd.voice.events import (
    AgentStateChangedEvent,
    OutputDegradedEvent,
    SpeechCreatedEvent,
    UserStateChangedEvent,
    UserTranscriptionTimeoutEvent,
    UserTurnDroppedEvent,
)
from agentd.voice.face import BaseSession
from agentd.voice.models import Adapters, Models
from agentd.voice.options import (
    OutageKind,
    SessionOptions,
    ToolHandling,
    resolve_tool_handling,
)
from agentd.voice.scope import current_scope
from agentd.voice.senses.ears import Ears
from agentd.voice.senses.eyes import Eyes
from agentd.voice.session_trace import SessionTrace
from agentd.voice.speaking.floor import Floor
from agentd.voice.speaking.mouth import Mouth
from agentd.voice.speaking.stage import Stage
from agentd.voice.speech import Speech, SpeechHandle
from agentd.voice.speeches import Speeches
from agentd.voice.tools.desk import SessionToolDesk
from agentd.voice.tools.news import ToolNews
from agentd.voice.tools.run import ToolRunner
from agentd.voice.tools.toolsets import Toolsets
from agentd.voice.tools.work import Work
from agentd.voice.turns.inputs import ParticipantPresent, ToolsRunning, TurnInput
from agentd.voice.turns.machine import TurnMachine
from agentd.voice.turns.manual_turns import ManualTurns
from agentd.voice.turns.options import TurnRules
from agentd.voice.turns.setup import TurnSetup

from .activity import Activity
from .apologies import Apologies
from .core import Core
from .faults import Faults
from .figures import SessionFigures
from .metering import Metering
from .outages import Outages
from .speaker import ReplyRequest
from .states import States
from .switchboard import Switchboard
from .tree import make_tree
from .turn_driver import TurnDriver
from .turn_orders import TurnOrders
from .watchdog import Watchdog

logger = logging.getLogger("agentd.voice")


class EngineConfig(Struct, frozen=True, kw_only=True, eq=False):
    """What an engine is made of."""

    session: BaseSession[Any]
    models: Models
    options: SessionOptions
    tools: list[AnyTool]
    input: AgentInput
    output: AgentOutput
    history: ChatContext
    changed: Callable[[], None]
    """The conversation is to be remembered anew."""
    give_up: Callable[[Any], None]
    """The session can't go on, since of this error."""


class Engine:
    """The parts of one session between its start and its end. Made on the session's loop."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        options, emit = config.options, self._emit
        self.owner = TaskOwner("session")
        self.adapters = Adapters()
        self.states = States(emit)
        self._audience = False
        """Whether somebody is there; to nobody no speech is owed."""
        self.manual = ManualTurns()
        self.metering = Metering(emit)
        self.trace = SessionTrace()
        self._figures = SessionFigures()
        self.log = ChatLog(config.history, emit=emit, changed=config.changed)
        self.speeches = Speeches(self.feed, changed=self._ring)
        self.mouth = Mouth(self.speeches, delay=self._speech_delay)
        self.floor = Floor(self.mouth, self._user_speaks)
        self.stage = Stage(self._audible)
        self.runner = ToolRunner(emit=emit, changed=config.changed, on_busy=self._tools_running)
        self.outages = self._make_outages()
        self.faults = Faults(
            limit=options.conn_options.max_unrecoverable_errors,
            outages=self.outages,
            emit=emit,
            give_up=config.give_up,
        )
        self.news = ToolNews(self.log, self.floor, self.owner, emit=emit, reply=self._tell_news)
        self.toolsets = Toolsets(_toolset_not_closed)
        """The session's own; those of an agent come and go with it."""
        self.desk = SessionToolDesk(
            self.runner,
            self.news,
            self.floor,
            template=lambda: self._tool_handling().update_template,
            emit=emit,
            say=self._say,
        )
        self.watchdog = Watchdog(
            options.dead_air,
            heard_until=lambda: self.stage.heard_until,
            is_patient=lambda: self._user_speaks() or not self._audience,
            emit=emit,
            say=self._say_if_possible,
            give_up_audio=self._give_up_audio,
            hangs=self._hangs,
        )
        self.ears = Ears(
            config.input, feed=self.feed, faults=self.faults, lost=self._audio_input_lost
        )
        self.eyes = Eyes(config.input, sample=self._is_looked_at, show=self._show)
        self.tree = make_tree(
            mouth=self.mouth.run,
            ears=self.ears.run,
            eyes=self.eyes.run,
            watchdog=self.watchdog.run,
        )
        self._core = self._make_core()
        self.switchboard = Switchboard(self._core)
        self.orders = TurnOrders(
            states=self.states,
            speeches=self.speeches,
            stage=self.stage,
            ears=self.ears,
            manual=self.manual,
            activity=lambda: self.switchboard.current,
            feed=self.feed,
            emit=emit,
        )
        machine = TurnMachine(TurnRules(), TurnSetup(), now=now())
        self.driver = TurnDriver(machine, self.orders.carry_out)

    @property
    def activity(self) -> Activity:
        """Of the agent that has the word; raises SessionError where none has."""
        activity = self.switchboard.current
        if activity is None:
            raise SessionError("the session has no agent yet")
        return activity

    def feed(self, event: TurnInput) -> None:
        """Tell turn-taking."""
        if isinstance(event, ParticipantPresent):
            self._audience = event.present
            self.watchdog.heard()
        self.driver.feed(event)

    def update_options(self, options: SessionOptions) -> None:
        """Take turns by these from now on."""
        self._core.options = options
        self.activity.update_rules()

    def interrupt(self, *, force: bool) -> list[Speech]:
        """Cut off what is said and what waits, as far as that is allowed; which those are.

        Raises SessionError where what is being said is protected.
        """
        cut = []
        current = self.mouth.current
        if current is not None:
            current.handle.interrupt(force=force)
            cut.append(current)
        waiting = self.mouth.waiting()
        fresh = [speech for speech in self.speeches.unheard if speech not in waiting]
        for speech in [*waiting, *fresh]:
            if not force and not speech.allow_interruptions:
                break
            speech.interrupt()
            cut.append(speech)
        return cut

    def is_idle(self) -> bool:
        """Whether nothing is said or worked on, and nobody is about to take over.

        The tool or hook that asks does not count.
        """
        scope = current_scope.get()
        own = scope.speech if scope is not None else None
        hooks = {
            (activity.agent, kind)
            for activity in self.switchboard.activities
            for kind in activity.hooks
        }
        if scope is not None:
            hooks.discard((scope.agent, scope.kind))
        busy = (
            any(speech is not own for speech in self.speeches.alive)
            or any(run.speech is not own for run in self.runner.running)
            or bool(hooks)
            or self.switchboard.is_changing
        )
        return not busy and self.floor.is_quiet()

    # -- what the parts tell each other ------------------------------------------------------

    def _make_core(self) -> Core:
        config = self.config
        return Core(
            session=config.session,
            options=config.options,
            models=config.models,
            adapters=self.adapters,
            tools=config.tools,
            bench=self._make_bench(),
            speeches=self.speeches,
            ears=self.ears,
            watchdog=self.watchdog,
            outages=self.outages,
            supervisor=self.tree,
            owner=self.owner,
            feed=self.feed,
            emit=self._emit,
            meter=self.metering,
            changed=self._ring,
        )

    def _make_outages(self) -> Outages:
        options = self.config.options.on_outage
        apologies = Apologies(
            options, self._announce, has_voice=lambda: not self.outages.is_out("tts")
        )
        return Outages(
            options,
            apologies=apologies,
            meter=self.metering,
            owner=self.owner,
            emit=self._emit,
            is_used=self._is_used,
            is_answering=self._is_answering,
            reconnect=self._reconnect,
            give_up=self.config.give_up,
        )

    def _make_bench(self) -> Bench:
        return Bench(
            log=self.log,
            mouth=self.mouth,
            stage=self.stage,
            runner=self.runner,
            output=self.config.output,
            turns=self.speeches,
            faults=self.faults,
            emit=self._emit,
            hand_over=self._hand_over,
            context=self._context,
            trace=self.trace,
            progress=self.config.changed,
        )

    def _context(self, call: FunctionCall, speech: Speech) -> RunContext[Any]:
        return RunContext(
            session=self.config.session, speech=speech, function_call=call, desk=self.desk
        )

    def _hand_over(self, agent: AgentBase) -> None:
        try:
            self.switchboard.hand_over(agent)
        except SessionError as error:
            logger.warning(
                "a handoff comes too late",
                extra={"action": "handoff_refused", "agent": agent.id, "reason": str(error)},
            )

    def _emit(self, event: Any) -> None:
        match event:
            case SpeechCreatedEvent(source="generate_reply"):
                self.news.are_told()
            case UserStateChangedEvent(new_state=state):
                self.trace.user_speaks(state == "speaking")
                self.watchdog.heard()
                self._ring()
            case AgentStateChangedEvent(new_state=state):
                self.trace.agent_speaks(self.mouth.current if state == "speaking" else None)
                self._ring()
            case UserTurnDroppedEvent(reason=reason):
                self.trace.turn_dropped(reason)
            case UserTranscriptionTimeoutEvent():
                self.trace.turn_dropped("no_transcript")
            case _:
                pass
        self._figures.note(event)
        self.config.session.emit(event.type, event)

    def _audible(self) -> None:
        speech = self.mouth.speaking
        self.watchdog.audible()
        if speech is not None:
            self.faults.worked("tts")
            self.speeches.speech_audible(speech)
        self.config.changed()

    def _audio_input_lost(self, reason: str) -> None:
        self._emit(OutputDegradedEvent(lost="audio_input", reason=reason))

    def _give_up_audio(self) -> bool:
        output = self.config.output
        if output.active_audio is None:
            return False
        output.set_audio_enabled(False)
        reason = "nothing of what it was given was heard, also not the apology"
        self._emit(OutputDegradedEvent(lost="audio_output", reason=reason))
        return True

    def _ring(self) -> None:
        self.floor.bell.ring()
        if self.mouth.current is None:
            # Whatever was held or paused is over.
            self.stage.resume()

    def _tools_running(self, running: bool) -> None:
        self.feed(ToolsRunning(at=now(), running=running))
        self._ring()

    def _is_looked_at(self, frame: VideoFrame) -> bool:
        sampler = self.config.options.video_sampler
        return sampler is None or bool(sampler(frame, self.config.session))

    async def _show(self, frame: VideoFrame) -> None:
        activity = self.switchboard.current
        if activity is not None:
            await activity.see(frame)

    def _user_speaks(self) -> bool:
        return self.states.user == "speaking"

    def _speech_delay(self) -> float:
        activity = self.switchboard.current
        return 0.0 if activity is None else activity.setting.speech_delay

    def _tool_handling(self) -> ToolHandling:
        activity = self.switchboard.current
        if activity is None:
            return resolve_tool_handling(self.config.options.tool_handling)
        return activity.setting.tool_handling

    def _tell_news(self) -> SpeechHandle | None:
        request = ReplyRequest(
            instructions=self._tool_handling().reply_template,
            tool_choice="none",
            user_initiated=False,
            source="tool_response",
        )
        try:
            return self.activity.speaker.generate_reply(request)
        except SessionError:  # it is closing: nobody is told any more
            return None

    def _announce(
        self, text: str, *, clip: AsyncIterable[AudioFrame] | None, aloud: bool
    ) -> SpeechHandle | None:
        try:
            return self.activity.speaker.announce(text, clip=clip, aloud=aloud)
        except SessionError:  # it is closing: nobody is told any more
            return None

    def _is_used(self, kind: OutageKind, model: Any) -> bool:
        return self.switchboard.current is None or self._model(kind) is model

    def _model(self, kind: OutageKind) -> Any:
        activity = self.switchboard.current
        if activity is None:
            return None
        models = activity.setting.models
        used = {
            "stt": models.stt,
            "llm": models.llm,
            "tts": models.tts,
            "realtime": models.realtime,
        }
        return used[kind]

    def _hangs(self, work: Work, silent_for: float) -> bool:
        kind = work.waits_for()
        if kind is None or work.tools_at_work:
            return False
        error = self.outages.hangs(self._model(kind), silent_for)
        if error is None or kind != "llm":
            return False  # a voice that hangs leaves the text, and its next call is turned away
        work.fail(error)
        return True

    def _is_answering(self) -> bool:
        replying = any(
            speech.source != "say" and not speech.interrupted for speech in self.speeches.alive
        )
        return replying or self._user_speaks() or self.orders.turn_is_open

    async def _reconnect(self) -> None:
        await self.activity.reconnect()

    def _say(self, text: str) -> SpeechHandle:
        return self.activity.speaker.say(text)

    def _say_if_possible(self, text: str) -> None:
        try:
            self._say(text)
        except SessionError:  # there is no voice, or it is closing
            return


def _toolset_not_closed(error: Exception) -> None:
    logger.error(
        "a toolset of the session failed to close",
        extra={"action": "hook_failed", "hook": "a toolset's aclose", **error_fields(error)},
    )
