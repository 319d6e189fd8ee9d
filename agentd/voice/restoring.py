"""A conversation goes on from its last snapshot, in another process."""

from __future__ import annotations

import importlib
import inspect
import logging
import re
from dataclasses import is_dataclass
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.timing import wall_time
from agentd.given import NotGivenOr, is_given
from agentd.ids import shortuuid
from agentd.llm.chat import ChatContext
from agentd.llm.items import ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from agentd.protocol.job import ResumeReason

from .agent import Agent
from .agent_base import AgentBase, Overrides, book_of
from .resume import ResumeContext
from .snapshot import AgentSnapshot, CallSnapshot, SessionSnapshot, SpeakingSnapshot, path_of

logger = logging.getLogger("agentd.voice")

OUTCOME_UNKNOWN = (
    "The process was lost while the tool was at work. Its outcome is unknown: it may have been "
    "carried out or not. Do not call it again without having found out."
)

MAIN = "__main__"

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]+[\"')\]]*\s+")


class Restored(Struct, frozen=True, kw_only=True, eq=False):
    """What a session begins with in place of a fresh start."""

    agent: Agent
    context: ResumeContext
    again: list[FunctionCall]
    """Calls that do no more when they are made twice: they are made again."""


def restore(
    snapshot: SessionSnapshot,
    agent: Agent,
    history: ChatContext,
    userdata: NotGivenOr[Any],
    *,
    reason: ResumeReason = "crash",
) -> tuple[Restored, NotGivenOr[Any]]:
    """Fill history, agent and userdata; `agent` is the one that a fresh start would begin with.

    After a swap the agent is told what its new code says, unless the conversation had changed that.
    Gives what to begin with, and the userdata, which may be another object.
    """
    said, again = _split(snapshot.speaking)
    lost = [entry for entry in snapshot.calls if not entry.ended]
    unfinished = [entry.call for entry in lost if not entry.idempotent]
    items = [
        *snapshot.history,
        *_heard(said, cut=bool(again)),
        *_ended(snapshot.calls),
        *_unknown(unfinished, known=snapshot.history),
    ]
    history.items[:] = items
    current = _agent(snapshot.agent, agent)
    _fill(current, snapshot, items, reason)
    redo = [entry.call for entry in lost if entry.idempotent]
    context = ResumeContext(
        reason=reason,
        interrupted_text=again,
        # Calls that are made again end in a reply anyway.
        unanswered="" if redo else _unanswered(items),
        unfinished_calls=unfinished,
        away_for=max(0.0, wall_time() - snapshot.taken_at),
    )
    restored = Restored(agent=current, context=context, again=redo)
    return restored, _userdata(snapshot, userdata)


# -- what was being said -----------------------------------------------------------------


def _split(speaking: SpeakingSnapshot | None) -> tuple[str, str]:
    """What was said, up to the last sentence that was heard whole, and the rest."""
    if speaking is None:
        return "", ""
    if not speaking.rest.strip():
        return speaking.heard, ""
    text = speaking.heard + speaking.rest
    ends = [
        found.end()
        for found in _SENTENCE_END.finditer(text)
        if len(text[: found.end()].rstrip()) <= len(speaking.heard.rstrip())
    ]
    cut = ends[-1] if ends else 0
    return text[:cut], text[cut:].strip()


def _heard(said: str, *, cut: bool) -> list[ChatItem]:
    if not said.strip():
        return []
    return [ChatMessage(role="assistant", content=[said], interrupted=cut)]


def _unanswered(items: list[ChatItem]) -> str:
    """The user's last words, where nothing was said after them."""
    for item in reversed(items):
        if isinstance(item, ChatMessage):
            return (item.text_content or "") if item.role == "user" else ""
    return ""


def _ended(calls: list[CallSnapshot]) -> list[ChatItem]:
    """Calls that had ended while others of their reply were still at work."""
    done = [(entry.call, entry.output) for entry in calls if entry.output is not None]
    return [*(call for call, _ in done), *(output for _, output in done)]


def _unknown(calls: list[FunctionCall], *, known: list[ChatItem]) -> list[ChatItem]:
    ids = {item.call_id for item in known if isinstance(item, FunctionCall)}
    # One that has told of itself before is in the history already, with what it told.
    lost = [
        replace(call, call_id=shortuuid("call_")) if call.call_id in ids else call for call in calls
    ]
    outputs = [
        FunctionCallOutput(
            call_id=call.call_id, name=call.name, output=OUTCOME_UNKNOWN, is_error=True
        )
        for call in lost
    ]
    return [*lost, *outputs]


# -- who was speaking ----------------------------------------------------------------------


def _agent(snapshot: AgentSnapshot | None, fresh: Agent) -> Agent:
    if snapshot is None or _is_class(type(fresh), snapshot.path):
        return fresh
    try:
        return _make(_find(snapshot.path), snapshot)
    except Exception as error:  # noqa: BLE001 - the user's classes, in code that may be newer
        logger.error(
            "the agent of the conversation can't be made again: the first one goes on",
            extra={
                "action": "agent_not_restored",
                "agent": snapshot.path,
                "error": f"{type(error).__name__}: {error}",
            },
        )
        return fresh


def _is_class(kind: type, path: str) -> bool:
    """Whether a class is the one of a path, also where its file is run as a script in one life only
    (it makes its app under `if __name__ == "__main__"`, or did when it was saved)."""
    module, _, name = path.partition(":")
    return path_of(kind) == path or (
        kind.__qualname__ == name and MAIN in (kind.__module__, module)
    )


def _find(path: str) -> type[Agent]:
    module, _, name = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise TypeError(f"{path} is no Agent")
    return found


def _make(kind: type[Agent], snapshot: AgentSnapshot) -> Agent:
    """An agent of a class: by its constructor where that needs nothing, else without it."""
    if _needs_nothing(kind):
        return kind()  # type: ignore[call-arg]  # it has a constructor of its own
    logger.warning(
        "an agent is made again without its constructor, which needs arguments: models of its own "
        "and attributes that can't be encoded are missing",
        extra={"action": "agent_restored_bare", "agent": snapshot.path},
    )
    made = object.__new__(kind)
    AgentBase.__init__(
        made, instructions=snapshot.instructions, id=snapshot.id, overrides=Overrides()
    )
    return made


def _needs_nothing(kind: type[Agent]) -> bool:
    if kind.__init__ is Agent.__init__:
        return False  # it needs instructions
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    flexible = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(
        parameter.default is not inspect.Parameter.empty or parameter.kind in flexible
        for parameter in parameters
    )


def _fill(
    agent: Agent, snapshot: SessionSnapshot, items: list[ChatItem], reason: ResumeReason
) -> None:
    told = snapshot.agent
    if told is None:
        return
    book = book_of(agent)
    known = set(told.known)
    before = {item.id for item in snapshot.history}
    mine = [item for item in items if item.id in known or item.id not in before]
    book.chat_ctx = ChatContext([*told.own, *mine])
    book.id = told.id
    book.instructions_changed = told.instructions_changed
    keeps = reason == "crash" or told.instructions_changed
    if keeps and told.instructions and isinstance(book.instructions, str):
        book.instructions = told.instructions
    for name, value in told.state.items():
        setattr(agent, name, _like(getattr(agent, name, None), value))


# -- what the user's code kept ----------------------------------------------------------------


def _userdata(snapshot: SessionSnapshot, fresh: NotGivenOr[Any]) -> NotGivenOr[Any]:
    """The userdata with its values; the same object where that can be filled."""
    if not snapshot.has_userdata:
        return fresh
    if not is_given(fresh):
        return snapshot.userdata
    value = _like(fresh, snapshot.userdata)
    if isinstance(fresh, dict) and isinstance(value, dict):
        fresh.clear()
        fresh.update(value)
        return fresh
    if isinstance(fresh, list) and isinstance(value, list):
        fresh[:] = value
        return fresh
    return _filled(fresh, value)


def _filled(fresh: Any, value: Any) -> Any:
    """The fields of one object in another of its class, where they may be set."""
    names = (
        fresh.__struct_fields__
        if isinstance(fresh, Struct)
        else [*getattr(fresh, "__dataclass_fields__", ())]
    )
    if type(value) is not type(fresh) or not names:
        return value
    try:
        for name in names:
            setattr(fresh, name, getattr(value, name))
    except AttributeError:  # it is frozen
        return value
    return fresh


def _like(model: Any, value: Any) -> Any:
    """A value as the type of another one, where it can be: a Struct came back as a dict."""
    if model is None or isinstance(value, type(model)):
        return value
    if not isinstance(model, Struct | list | tuple | set | dict) and not is_dataclass(model):
        return value
    try:
        return msgspec.convert(value, type(model))
    except (msgspec.ValidationError, TypeError, ValueError):
        return value
