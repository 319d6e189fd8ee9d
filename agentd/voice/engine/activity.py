"""One agent's time in a session: it comes, listens, takes turns, speaks, and goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.errors import SessionError
from agentd.io import VideoFrame
from agentd.llm.chat import ChatContext
from agentd.llm.items import AgentConfigUpdate
from agentd.metrics import AgentMetrics
from agentd.realtime.base import RealtimeModel
from agentd.realtime.events import GenerationCreated
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import ChildSpec
from agentd.supervision.tasks import task_child
from agentd.tracing import Span, span
from agentd.voice.agent import Agent, set_place
from agentd.voice.agent_base import AgentBase, book_of
from agentd.voice.events import UserInputTranscribedEvent
from agentd.voice.face import BaseSession
from agentd.voice.models import Setting, resolve_setting
from agentd.voice.replies.preemption import Preemption
from agentd.voice.replies.realtime_link import REALTIME_CHILD, RealtimeLink
from agentd.voice.replies.reply_pass import ReplyPass
from agentd.voice.restoring import Restored
from agentd.voice.scope import Scope, ScopeKind, enter_scope
from agentd.voice.speech import SpeechHandle
from agentd.voice.tools.toolsets import Toolsets
from agentd.voice.turns.actions import CommitTurn, DropPreemptive, StartPreemptive, UserTurnExceeded
from agentd.voice.turns.inputs import RulesChanged, TurnInput

from .agent_ears import Listening, end_child
from .core import Core
from .speaker import Speaker
from .turn_taker import TurnTaker

logger = logging.getLogger("agentd.voice")

ON_EXIT_TIMEOUT = 60.0
"""Seconds that an agent's `on_exit` has, until the session goes on without it."""

Lend = Callable[[AgentBase, Scope], AbstractAsyncContextManager[None]]


class Activity:
    """One agent in a session; an AgentPlace. `start` once, then `drain` or not, then `aclose`."""

    def __init__(self, core: Core, agent: Agent, lend: Lend) -> None:
        self.agent = agent
        self._core = core
        self._lend = lend
        self._owner = TaskOwner(f"agent {agent.id}")
        self._setting = self._resolve()
        self._listening = self._listen_with(self._setting)
        self._link: RealtimeLink | None = None
        self.speaker = Speaker(
            core, agent, self._owner, setting=lambda: self._setting, link=lambda: self._link
        )
        self._preemption = self._make_preemption()
        self._taker = self._make_taker()
        self._toolsets = Toolsets(lambda error: self._tell_failed("a toolset's aclose", error))
        self._hooks: set[ScopeKind] = set()
        self._turns: set[asyncio.Task[None]] = set()

    @property
    def hooks(self) -> frozenset[ScopeKind]:
        """Those of the agent's hooks that are running."""
        return frozenset(self._hooks)

    @property
    def is_taking_turn(self) -> bool:
        """Whether something that the user has said is not in the history yet."""
        return bool(self._turns)

    # -- its place in the session (AgentPlace) ---------------------------------------------

    @property
    def session(self) -> BaseSession[Any]:
        """The session."""
        return self._core.session

    @property
    def setting(self) -> Setting:
        """Models and options that hold for the agent."""
        return self._setting

    def lend(self, agent: AgentBase, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Let an AgentTask have the word, within `async with`."""
        return self._lend(agent, scope)

    def task_completed(self, result: Any) -> None:
        """See AgentPlace: the run that is under way has an output."""
        run = self._core.bench.log.run
        if run is None:
            return
        if isinstance(result, Exception):
            run.fail(result)
        else:
            run.output = result

    async def instructions_changed(self) -> None:
        """The next reply is told; a realtime model is at once."""
        if self._link is not None:
            await self._link.tell_instructions()

    async def tools_changed(self) -> None:
        """The next reply is offered them; new toolsets are set up first."""
        await self._toolsets.follow(self.agent.tools)
        if self._link is not None:
            await self._link.tell_tools()

    async def chat_ctx_changed(self) -> None:
        """The next reply is told; a realtime model is at once."""
        if self._link is not None:
            await self._link.tell_chat_ctx()

    async def models_changed(self) -> None:
        """Listen and speak with the new ones from now on."""
        self._setting = self._resolve()
        await self._preemption.aclose()
        self._preemption, self._taker = self._make_preemption(), self._make_taker()
        await self._listening.stop()
        self._listening = self._listen_with(self._setting)
        await self._listen()

    def update_rules(self) -> None:
        """The session's options have changed: take turns by them."""
        self._setting = self._resolve()
        rules, setup = self._listen_with(self._setting).rules()
        self._core.feed(RulesChanged(at=now(), rules=rules, setup=setup))

    def item_added(self, item: AgentConfigUpdate) -> None:
        """The history tells of a change of the agent."""
        self._core.bench.log.note(item)

    # -- coming and going --------------------------------------------------------------------

    async def start(self, *, resume: Restored | None = None) -> None:
        """Take the word; the agent's `on_enter`, or `on_resume`, goes on in the background.

        Raises what a toolset's `setup` raises; then nothing of it is left.
        """
        set_place(self.agent, self)
        with self._span("start_agent_activity").apart():
            try:
                self._setting.models.prewarm()
                await self._toolsets.follow(self.agent.tools)
                await self._connect()
                await self._listen()
            except BaseException:
                await self.aclose()
                raise
        agent = self.agent
        self._hooks.add("on_enter")
        enter = agent.on_enter if resume is None else partial(agent.on_resume, resume.context)
        entering = self._owner.start(self._hook("on_enter", enter), name="on_enter")
        if self._core.bench.log.run is not None:
            self._core.bench.log.run.watch(entering)
        if resume is not None and resume.again:
            self.speaker.redo(resume.again)

    async def drain(self) -> None:
        """Call `on_exit`, and let what is being said come to its end. Nothing new is begun."""
        with self._span("drain_agent_activity"):
            await self._drain()

    async def _drain(self) -> None:
        self.speaker.begin_closing()
        self._hooks.add("on_exit")
        leaving = self._owner.start(
            self._hook("on_exit", self.agent.on_exit), name="on_exit", report=False
        )
        done, _ = await asyncio.wait({leaving}, timeout=ON_EXIT_TIMEOUT)
        if not done:
            leaving.cancel()
            self._tell_failed("on_exit", TimeoutError(f"it took over {ON_EXIT_TIMEOUT:.0f} s"))
        while self.speaker.speeches:
            await self.speaker.speeches[0].wait()

    async def reconnect(self) -> None:
        """Begin a new session with the realtime model, whose last one has failed.

        Raises what the model raises; then the failed one stays.
        """
        failed = self._link
        if failed is None:
            return
        await end_child(self._core.supervisor, REALTIME_CHILD)
        await failed.aclose()
        link = self._make_link(failed.model)
        link.transcripts = failed.transcripts
        try:
            await link.prepare()
        except BaseException:
            await link.aclose()
            raise
        if self._link is not failed:  # the agent has left meanwhile
            await link.aclose()
            return
        self._link = link
        self._core.ears.listen_by(link)
        await self._run_link(link)

    async def pause(self) -> None:
        """Another agent has the word for a while: neither listen nor answer."""
        with self._span("pause_agent_activity").apart():
            await self._listening.stop()
            await self._preemption.aclose()

    async def resume(self) -> None:
        """It is this agent's turn again."""
        with self._span("resume_agent_activity").apart():
            await self._listen()

    async def aclose(self) -> None:
        """Stop at once: what is said is cut off. May be repeated."""
        self.speaker.begin_closing()
        await self._listening.stop()
        await self._preemption.aclose()
        await self._disconnect()
        await self._owner.aclose()
        await self._toolsets.aclose()
        if book_of(self.agent).listener is self:
            set_place(self.agent, None)

    # -- turns -------------------------------------------------------------------------------

    def take_turn(self, turn: CommitTurn) -> None:
        """The user has finished a turn."""
        self._core.bench.trace.turn_taken(turn)
        self._take(self._taker.take(turn), turn.turn_id)

    def exceed_turn(self, turn: UserTurnExceeded) -> None:
        """The user has spoken too long."""
        self._take(self._taker.exceed(turn), turn.turn_id)

    def _take(self, taking: Coroutine[Any, Any, None], turn_id: int) -> None:
        task = self._owner.start(taking, name=f"turn {turn_id}")
        self._turns.add(task)
        task.add_done_callback(self._turn_taken)

    def _turn_taken(self, task: asyncio.Task[None]) -> None:
        self._turns.discard(task)
        self._core.changed()

    def begin_preemptive(self, order: StartPreemptive) -> None:
        """The user has probably finished: begin a reply."""
        self._preemption.begin(order)

    def drop_preemptive(self, order: DropPreemptive) -> None:
        """The user had not."""
        self._preemption.drop(order.generation_id)

    def reply_to_turn(
        self, turn: CommitTurn, chat_ctx: ChatContext, prepared: ReplyPass | None
    ) -> SpeechHandle:
        """See `turn_taker.Replier`."""
        return self.speaker.reply_to_turn(turn, chat_ctx, prepared)

    async def see(self, frame: VideoFrame) -> None:
        """The user shows something: a realtime model that sees is shown it."""
        if self._link is not None:
            await self._link.see(frame)

    async def cut_ones_ended(self) -> None:
        """See `turn_taker.Replier`."""
        await self._core.speeches.cut_ones_ended()

    def feed(self, event: TurnInput) -> None:
        """See `turn_taker.Replier`."""
        self._core.feed(event)

    def measured(self, metrics: AgentMetrics) -> None:
        """See `turn_taker.Replier` and `realtime_link.RealtimeListener`."""
        self._core.meter.collect(metrics)

    def transcribed(self, text: str, *, is_final: bool) -> None:
        """See `realtime_link.RealtimeListener`."""
        self._core.emit(UserInputTranscribedEvent(transcript=text, is_final=is_final))

    def model_replies(self, generation: GenerationCreated) -> None:
        """See `realtime_link.RealtimeListener`."""
        try:
            self.speaker.model_replies(generation)
        except SessionError:  # it is leaving: what the model says now is not heard
            return

    # -- inside ------------------------------------------------------------------------------

    def _resolve(self) -> Setting:
        core = self._core
        setting = resolve_setting(
            core.models, core.options, book_of(self.agent).overrides, core.adapters
        )
        core.meter.watch(setting.models)
        return setting

    def _listen_with(self, setting: Setting) -> Listening:
        return Listening(self._core, self.agent, setting, self._owner)

    def _make_preemption(self) -> Preemption:
        return Preemption(
            self._core.bench,
            self.agent,
            self._setting,
            tools=self.speaker.tools,
            owner=self._owner,
        )

    def _make_taker(self) -> TurnTaker:
        return TurnTaker(self._core.bench, self.agent, self._setting, self._preemption, self)

    async def _connect(self) -> None:
        """Begin the conversation with a realtime model, if there is one."""
        model = self._setting.models.realtime
        if model is None:
            return
        self._link = self._make_link(model)
        await self._link.prepare()
        await self._run_link(self._link)

    def _make_link(self, model: RealtimeModel) -> RealtimeLink:
        return RealtimeLink(
            model,
            self.agent,
            self._core.bench,
            tools=self.speaker.tools,
            feed=self._core.feed,
            listener=self,
        )

    async def _run_link(self, link: RealtimeLink) -> None:
        await self._core.supervisor.add(
            ChildSpec(
                id=REALTIME_CHILD,
                start=task_child(link.run, name=REALTIME_CHILD),
                restart=RestartPolicy.TEMPORARY,  # its failure ends the session, or is an outage
                shutdown=1.0,
            )
        )

    async def _disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await end_child(self._core.supervisor, REALTIME_CHILD)
            await link.aclose()

    async def _listen(self) -> None:
        rules, setup = await self._listening.start(self._link)
        if self._link is not None and setup.mode != "realtime_llm":
            self._link.transcripts = "none" if setup.has_stt else "told"
        self._core.feed(RulesChanged(at=now(), rules=rules, setup=setup))

    async def _hook(self, kind: ScopeKind, hook: Callable[[], Coroutine[Any, Any, None]]) -> None:
        enter_scope(Scope(kind, self.agent))
        try:
            with self._span(kind):
                await hook()
        except Exception as error:  # noqa: BLE001 - the user's hook; the session goes on
            self._tell_failed(kind, error)
        finally:
            self._hooks.discard(kind)
            self._core.changed()

    def _span(self, name: str) -> Span:
        return span(name, {"lk.agent_label": self.agent.label})

    def _tell_failed(self, hook: str, error: BaseException) -> None:
        logger.error(
            "a hook of the agent failed",
            extra={
                "action": "hook_failed",
                "hook": hook,
                "agent": self.agent.id,
                **error_fields(error),
            },
        )
