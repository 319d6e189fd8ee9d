"""What the API refuses, by the SDK's own types: a field that it renames breaks a test. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NoReturn, TypeAlias

from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import ConfigDict, TypeAdapter, ValidationError

from .endpoint import Refused

Schema: TypeAlias = dict[str, Any]

NO_STRICT_KEYS = ("allOf", "oneOf", "not", "patternProperties", "prefixItems", "default")
"""What OpenAI's strict schemas must not have."""


def check_chat(body: Any) -> None:
    """Raise Refused for what is no request of a chat completion."""
    _check(body, CompletionCreateParams)
    for tool in body.get("tools", ()):
        if tool["type"] == "function" and tool["function"].get("strict"):
            check_strict(tool["function"].get("parameters", {}), "tools")
    described = body.get("response_format", {}).get("json_schema", {})
    if described.get("strict"):
        check_strict(described.get("schema", {}), "response_format")
    _check_tool_choice(body, lambda tool: tool.get("function", {}).get("name"))
    _check_turns(body["messages"])


def check_response(body: Any) -> None:
    """Raise Refused for what is no request of a response."""
    _check(body, ResponseCreateParams)
    for tool in body.get("tools", ()):
        if tool["type"] == "function" and tool.get("strict"):
            check_strict(tool.get("parameters") or {}, "tools")
    described = body.get("text", {}).get("format", {})
    if described.get("strict"):
        check_strict(described.get("schema", {}), "text.format")
    _check_tool_choice(body, lambda tool: tool.get("name"))
    given = body.get("input")
    if isinstance(given, list) and not body.get("previous_response_id"):
        _check_outputs(given)


def check_strict(schema: Schema, where: str) -> None:
    """Raise Refused for a schema that is not in the strict form, at any depth."""
    if schema.get("type") != "object":
        _refuse(f"schema must have type 'object', not {schema.get('type')!r}", where)
    for one in _schemas(schema):
        for key in NO_STRICT_KEYS:
            if key in one:
                _refuse(f"'{key}' is not permitted in a strict schema", where)
        if one.get("type") == "object":
            _check_strict_object(one, where)


def _check_strict_object(schema: Schema, where: str) -> None:
    if schema.get("additionalProperties") is not False:
        _refuse("'additionalProperties' is required to be supplied and to be false", where)
    missing = schema.get("properties", {}).keys() - set(schema.get("required", ()))
    if missing:
        names = ", ".join(sorted(missing))
        _refuse(f"'required' must include every key in properties. Missing '{names}'", where)


def _schemas(schema: Schema) -> Iterator[Schema]:
    yield schema
    below = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    below += [one for key in ("anyOf", "oneOf", "allOf") for one in schema.get(key, ())]
    if isinstance(schema.get("items"), dict):
        below.append(schema["items"])
    for one in below:
        yield from _schemas(one)


def _check(body: Any, kind: Any) -> None:
    if not isinstance(body, dict):
        _refuse("We could not parse the JSON body of your request.", None)
    try:
        _read_all(_adapter(kind).validate_python(body))
    except ValidationError as error:
        _refuse(*_told(error))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=ConfigDict(extra="forbid"))


def _read_all(value: Any) -> None:
    """An Iterable of the SDK's types is checked no sooner than it is read."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for one in value:
            _read_all(one)


def _told(error: ValidationError) -> tuple[str, str]:
    """What is wrong, of all that a value could have been by the one that it is nearest to."""
    kinds: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for each in error.errors(include_url=False, include_input=False):
        kinds[tuple(part for part in each["loc"] if str(part)[:1].isupper())].append(each)
    nearest = min(kinds.values(), key=len)[0]
    path = ".".join(str(part) for part in nearest["loc"] if not str(part)[:1].isupper())
    if nearest["type"] == "extra_forbidden":
        return f"Unknown parameter: '{path}'.", path
    return f"Invalid value for '{path}': {nearest['msg']}", path


def _check_tool_choice(body: dict[str, Any], name_of: Any) -> None:
    choice = body.get("tool_choice")
    tools = body.get("tools", ())
    if choice is not None and not tools:
        _refuse("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    if body.get("parallel_tool_calls") is not None and not tools:
        _refuse("'parallel_tool_calls' is only allowed when 'tools' are specified.", "tools")
    if isinstance(choice, dict) and choice.get("type") == "function":
        wanted = name_of(choice)
        if all(name_of(tool) != wanted for tool in tools):
            _refuse(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")


def _check_turns(messages: list[dict[str, Any]]) -> None:
    """Each call is answered at once, and nothing else is."""
    if not messages:
        _refuse("'messages' is too short: expected at least 1.", "messages")
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                _refuse(
                    "messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    "messages",
                )
            waiting.remove(message["tool_call_id"])
            continue
        _refuse_unanswered(waiting)
        waiting = {call["id"] for call in message.get("tool_calls", ())}
    _refuse_unanswered(waiting)


def _refuse_unanswered(waiting: set[str]) -> None:
    if waiting:
        ids = ", ".join(sorted(waiting))
        _refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            f"to each 'tool_call_id'. These did not have response messages: {ids}",
            "messages",
        )


def _check_outputs(items: list[dict[str, Any]]) -> None:
    called = {item["call_id"] for item in items if item.get("type") == "function_call"}
    told = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
    for call_id in sorted(told - called):
        _refuse(f"No tool call found for function call output with call_id {call_id}.", "input")
    for call_id in sorted(called - told):
        _refuse(f"No tool output found for function call {call_id}.", "input")


def _refuse(message: str, param: str | None) -> NoReturn:
    raise Refused(message, param=param)
