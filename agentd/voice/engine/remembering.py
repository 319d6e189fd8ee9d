"""Takes snapshots of a conversation that is going on."""

from __future__ import annotations

import logging
from typing import Any

from msgspec import Raw, msgpack

from agentd.aio.timing import now, wall_time
from agentd.given import NotGivenOr, is_given
from agentd.llm.clean_text import clean
from agentd.llm.instructions import Instructions
from agentd.voice.agent_base import AgentBase, book_of
from agentd.voice.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    ItemEncoder,
    RawSnapshot,
    SpeakingSnapshot,
    encodable,
    path_of,
)
from agentd.voice.tools.run import ToolCallRun

from .engine import Engine

logger = logging.getLogger("agentd.voice")

PRIVATE = "_"


class Remembering:
    """Takes the snapshots of one session."""

    def __init__(self) -> None:
        self._items = ItemEncoder()
        self._told: set[str] = set()
        """What the log has said can't be remembered."""

    def take(self, engine: Engine, userdata: NotGivenOr[Any]) -> bytes:
        """The conversation as it is now."""
        activities = engine.switchboard.activities
        encoded = self._encode_userdata(userdata)
        return msgpack.encode(
            RawSnapshot(
                taken_at=wall_time(),
                history=self._items.encode(engine.log.history.items),
                # A task on loan can't go on: the tool that awaits it is gone with the process.
                agent=self._agent(activities[0].agent, engine) if activities else None,
                speaking=_speaking(engine),
                calls=[_call(run) for run in engine.runner.ledger],
                userdata=encoded,
                has_userdata=encoded is not None,
            )
        )

    def _agent(self, agent: AgentBase, engine: Engine) -> AgentSnapshot:
        book = book_of(agent)
        in_history = {item.id for item in engine.log.history.items}
        instructions = book.instructions
        return AgentSnapshot(
            id=agent.id,
            path=path_of(type(agent)),
            instructions="" if isinstance(instructions, Instructions) else instructions,
            instructions_changed=book.instructions_changed,
            known=[item.id for item in book.chat_ctx.items if item.id in in_history],
            own=[encodable(item) for item in book.chat_ctx.items if item.id not in in_history],
            state=self._state(agent),
        )

    def _state(self, agent: AgentBase) -> dict[str, Any]:
        state = {}
        for name, value in vars(agent).items():
            if name.startswith(PRIVATE):
                continue
            problem = _problem(value)
            if problem:
                self._tell(f"{type(agent).__name__}.{name}", value, problem)
            else:
                state[name] = value
        return state

    def _encode_userdata(self, userdata: NotGivenOr[Any]) -> Raw | None:
        if not is_given(userdata):
            return None
        problem = _problem(userdata)
        if problem:
            self._tell("userdata", userdata, problem)
            return None
        return Raw(msgpack.encode(userdata))

    def _tell(self, what: str, value: object, problem: str) -> None:
        if what in self._told:
            return
        self._told.add(what)
        logger.warning(
            "something of a session can't be remembered: where the process dies, the conversation "
            "goes on without it",
            extra={
                "action": "session_state_lost",
                "what": what,
                "type": type(value).__qualname__,
                "reason": problem,
            },
        )


def _problem(value: Any) -> str:
    """Why a value can't be encoded; empty where it can."""
    try:
        msgpack.encode(value)
    except Exception as error:  # noqa: BLE001 - the user's values: msgspec asks their properties
        return str(error) or type(error).__name__
    return ""


def _call(run: ToolCallRun) -> CallSnapshot:
    ended = run.ended.done()
    output = run.ended.result().output if ended else None
    return CallSnapshot(
        call=encodable(run.call),
        output=None if output is None else encodable(output),
        ended=ended,
        idempotent=run.idempotent,
    )


def _speaking(engine: Engine) -> SpeakingSnapshot | None:
    speech = engine.mouth.current
    work = engine.speeches.work_of(speech) if speech is not None else None
    if work is None:
        return None
    heard, rest = work.so_far(now())
    return SpeakingSnapshot(heard=clean(heard), rest=clean(rest)) if heard or rest else None
