"""A session at work: its parts, put together, and told of each other.

The face of it is `AgentSession`; what happens in here is told by the parts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import SessionError
from agentd.io.attached import AgentInput, AgentOutput
from agentd.llm.chat import ChatContext
from agentd.llm.items import FunctionCall

from .activity import Activity
from .agent_base import AgentBase, AnyTool
from .bench import Bench
from .chatlog import ChatLog
from .context import RunContext
from .core import Core
from .ears import Ears
from .events import AgentStateChangedEvent, SpeechCreatedEvent, UserStateChangedEvent
from .face import BaseSession
from .faults import Faults
from .floor import Floor
from .manual_turns import ManualTurns
from .metering import Metering
from .models import Adapters, Models
from .mouth import Mouth
from .options import SessionOptions, ToolHandling, resolve_tool_handling
from .scope import current_scope
from .speaker import ReplyRequest
from .speech import Speech, SpeechHandle
from .speeches import Speeches
from .stage import Stage
from .states import States
from .switchboard import Switchboard
from .tool_desk import SessionToolDesk
from .tool_news import ToolNews
from .toolrun import ToolRunner
from .tree import make_tree
from .turn_driver import TurnDriver
from .turn_inputs import ToolsRunning, TurnInput
from .turn_options import TurnRules
from .turn_orders import TurnOrders
from .turn_setup import TurnSetup
from .turns import TurnMachine
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
        self.manual = ManualTurns()
        self.metering = Metering(emit)
        self.log = ChatLog(config.history, emit=emit, changed=config.changed)
        self.speeches = Speeches(self.feed, changed=self._ring)
        self.mouth = Mouth(self.speeches, delay=self._speech_delay)
        self.floor = Floor(self.mouth, self._user_speaks)
        self.stage = Stage(self._audible)
        self.runner = ToolRunner(emit=emit, changed=config.changed, on_busy=self._tools_running)
        self.faults = Faults(
            limit=options.conn_options.max_unrecoverable_errors,
            emit=emit,
            give_up=config.give_up,
        )
        self.news = ToolNews(self.log, self.floor, self.owner, emit=emit, reply=self._tell_news)
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
            is_heard=lambda: self.stage.playing,
            is_patient=self._user_speaks,
            emit=emit,
            say=self._say_if_possible,
        )
        self.ears = Ears(config.input, feed=self.feed, faults=self.faults)
        self.tree = make_tree(mouth=self.mouth.run, ears=self.ears.run, watchdog=self.watchdog.run)
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
            supervisor=self.tree,
            owner=self.owner,
            feed=self.feed,
            emit=self._emit,
            meter=self.metering,
            changed=self._ring,
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
            emit_tools=self._emit,
            hand_over=self._hand_over,
            context=self._context,
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
            case UserStateChangedEvent():
                self.watchdog.heard()
                self._ring()
            case AgentStateChangedEvent():
                self._ring()
            case _:
                pass
        self.config.session.emit(event.type, event)

    def _audible(self) -> None:
        speech = self.mouth.speaking
        self.watchdog.heard()
        if speech is not None:
            self.faults.worked("tts")
            self.speeches.speech_audible(speech)
        self.config.changed()

    def _ring(self) -> None:
        self.floor.bell.ring()
        if self.mouth.current is None:
            # Whatever was held or paused is over.
            self.stage.resume()

    def _tools_running(self, running: bool) -> None:
        self.feed(ToolsRunning(at=now(), running=running))
        self._ring()

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

    def _say(self, text: str) -> SpeechHandle:
        return self.activity.speaker.say(text)

    def _say_if_possible(self, text: str) -> None:
        try:
            self._say(text)
        except SessionError:  # there is no voice, or it is closing
            return
