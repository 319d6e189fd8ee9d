"""What is said and done, from the rules and the conversation. Pure: the same each time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from agentd.llm import ChatItem, ChatMessage, FunctionCall, FunctionCallOutput

from .book import Rule, RuleBook
from .template import fill, fill_arguments

INSTRUCTIONS = ("system", "developer")


class Call(Struct, frozen=True, kw_only=True):
    """A tool to be called."""

    name: str
    arguments: dict[str, Any]


class Answer(Struct, frozen=True, kw_only=True):
    """A reply."""

    text: str = ""
    call: Call | None = None


class Match(Struct, frozen=True, kw_only=True):
    """A rule, and the groups of what was heard."""

    rule: Rule
    groups: dict[str, str | None]


def decide(book: RuleBook, items: Sequence[ChatItem], tools: Collection[str]) -> Answer:
    """The answer to the end of a conversation, where these tools may be called."""
    outputs = _last_outputs(items)
    if outputs:
        texts = [_after(book, items, output) for output in outputs]
        return Answer(text=" ".join(text for text in texts if text))
    told, heard = _told(items), _heard(items)
    match = find(book, heard, tools, told=False) or find(book, told, tools, told=True)
    if match is not None:
        return _answer(match, _turn(items))
    if heard is None and _has_no_user(items):
        return Answer(text=book.greeting or book.otherwise)
    return Answer(text=book.otherwise)


def find(book: RuleBook, text: str | None, tools: Collection[str], *, told: bool) -> Match | None:
    """The first rule that fits a text; None without one, or without a text."""
    for rule in book.rule if text is not None else ():
        found = rule.compiled.search(text or "")
        if found and rule.told is told and (not rule.call or rule.call in tools):
            groups = {name: _trimmed(value) for name, value in found.groupdict().items()}
            return Match(rule=rule, groups=groups)
    return None


def _answer(match: Match, turn: int) -> Answer:
    rule, sayings = match.rule, match.rule.sayings
    return Answer(
        text=fill(sayings[turn % len(sayings)], match.groups) if sayings else "",
        call=Call(name=rule.call, arguments=fill_arguments(rule.arguments, match.groups))
        if rule.call
        else None,
    )


def _after(book: RuleBook, items: Sequence[ChatItem], output: FunctionCallOutput) -> str:
    """What is said of a tool's output: as its rule says, else the output itself."""
    match = _rule_of(book, items, output)
    groups = match.groups if match is not None else {}
    if output.is_error:
        template = (match.rule.failed if match is not None else "") or book.failed
    else:
        template = (match.rule.then if match is not None else "") or "{output}"
    values = {**groups, **_arguments(items, output), **_fields(output.output)}
    return fill(template, {**values, "output": output.output})


def _rule_of(book: RuleBook, items: Sequence[ChatItem], output: FunctionCallOutput) -> Match | None:
    """The rule that made the call, found again by what was heard before it."""
    before = items[: items.index(output)]
    heard = [item for item in before if isinstance(item, ChatMessage) and item.role != "assistant"]
    for message in reversed(heard):
        told = message.role in INSTRUCTIONS
        match = find(book, message.text_content, {output.name}, told=told)
        if match is not None and match.rule.call == output.name:
            return match
        if not told:
            return None
    return None


def _arguments(items: Sequence[ChatItem], output: FunctionCallOutput) -> dict[str, Any]:
    calls = [item for item in items if isinstance(item, FunctionCall)]
    text = next((call.arguments for call in calls if call.call_id == output.call_id), "")
    return _fields(text)


def _fields(text: str) -> dict[str, Any]:
    """The keys of a JSON object; none of other text."""
    try:
        made = msgspec.json.decode(text)
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


def _last_outputs(items: Sequence[ChatItem]) -> list[FunctionCallOutput]:
    """The outputs since the last message, those that want no reply left out."""
    found: list[FunctionCallOutput] = []
    for item in reversed(items):
        if isinstance(item, ChatMessage) and item.role not in INSTRUCTIONS:
            break
        if isinstance(item, FunctionCallOutput):
            found.insert(0, item)
    return [output for output in found if output.reply_required]


def _heard(items: Sequence[ChatItem]) -> str | None:
    """What the user said last, if it was not answered yet."""
    for item in reversed(items):
        if isinstance(item, FunctionCallOutput):
            return None
        if isinstance(item, ChatMessage) and item.role not in INSTRUCTIONS:
            return (item.text_content or "") if item.role == "user" else None
    return None


def _told(items: Sequence[ChatItem]) -> str | None:
    """The instructions since the last message."""
    for item in reversed(items):
        if isinstance(item, ChatMessage):
            return item.text_content if item.role in INSTRUCTIONS else None
    return None


def _has_no_user(items: Sequence[ChatItem]) -> bool:
    return not any(isinstance(item, ChatMessage) and item.role == "user" for item in items)


def _turn(items: Sequence[ChatItem]) -> int:
    """How often the agent has spoken: which of several sayings is next."""
    return sum(isinstance(item, ChatMessage) and item.role == "assistant" for item in items)


def _trimmed(text: str | None) -> str | None:
    return text.strip(" \t\n.,;:!?\"'") if text is not None else None
