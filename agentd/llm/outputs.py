"""What a tool has returned or raised, as text for the model."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from msgspec import Struct

from agentd.errors import StopResponse, ToolError

from .clean_text import clean
from .items import FunctionCall, FunctionCallOutput
from .tools import ToolResult

logger = logging.getLogger("agentd.llm")

INTERNAL_ERROR = "An internal error occurred"
"""What a model is told of an exception that was not meant for it; the rest is in the log."""


MAX_OUTPUT_CHARS = 500_000
"""Of a tool's result: more than models take in a request, and than a snapshot has room for."""


class FunctionCallResult(Struct, kw_only=True):
    """A call and what came of it."""

    fnc_call: FunctionCall
    fnc_call_out: FunctionCallOutput | None
    """None where the agent is to say nothing."""
    raw_output: Any = None
    raw_exception: BaseException | None = None
    fnc_call_updates: list[tuple[FunctionCall, FunctionCallOutput]] = []
    """What the tool told while it ran."""


def make_function_call_output(
    *, fnc_call: FunctionCall, output: Any = None, exception: BaseException | None = None
) -> FunctionCallResult:
    """The output of a call, from what its function returned or raised. Never raises."""
    made: FunctionCallOutput | None
    match exception:
        case None:
            made = _returned(fnc_call, output)
        case StopResponse():
            made = None
        case ToolError():
            made = _output(fnc_call, _message(exception), is_error=True)
        case _:
            logger.error(
                "a tool failed: the model is told that there was an error, not which",
                exc_info=exception,
                extra={"action": "tool_failed", "tool": fnc_call.name, "call_id": fnc_call.call_id},
            )
            made = _output(fnc_call, INTERNAL_ERROR, is_error=True)
    return FunctionCallResult(
        fnc_call=fnc_call, fnc_call_out=made, raw_output=output, raw_exception=exception
    )


def to_text(value: Any) -> str:
    """A tool's result as a model reads it: text as it is, anything else as JSON.

    Raises TypeError or ValueError for what JSON can't say.
    """
    match value:
        case str():
            value.encode()  # a lone surrogate can't be sent
            return value
        case None:
            return ""
    if hasattr(value, "model_dump_json"):  # pydantic's models know their own JSON
        return str(value.model_dump_json())
    return msgspec.json.encode(value, enc_hook=_encode_other).decode()


def _returned(call: FunctionCall, output: Any) -> FunctionCallOutput:
    result = output if isinstance(output, ToolResult) else ToolResult(output)
    try:
        text = to_text(result.output)
    # The result is the user's, and encoding it asks its properties: anything may go wrong.
    except Exception as error:  # noqa: BLE001
        _tell_unusable(call, result.output, str(error) or type(error).__name__)
        return _output(call, INTERNAL_ERROR, is_error=True)
    if len(text) > MAX_OUTPUT_CHARS:
        told = f"The result is too long: {len(text)} characters, {MAX_OUTPUT_CHARS} at most."
        _tell_unusable(call, result.output, told)
        return _output(call, told, is_error=True)
    return _output(call, text, reply_required=result.reply_required)


def _tell_unusable(call: FunctionCall, result: Any, reason: str) -> None:
    logger.error(
        "a tool's result can't be told to a model: return text, or what can be encoded as JSON",
        extra={
            "action": "tool_result_unusable",
            "tool": call.name,
            "call_id": call.call_id,
            "type": type(result).__qualname__,
            "reason": reason,
        },
    )


def _output(
    call: FunctionCall, text: str, *, is_error: bool = False, reply_required: bool = True
) -> FunctionCallOutput:
    return FunctionCallOutput(
        call_id=call.call_id,
        name=call.name,
        output=clean(text),
        is_error=is_error,
        reply_required=reply_required,
    )


def _message(error: ToolError) -> str:
    # A subclass of the user's may have put anything there, or nothing.
    return str(getattr(error, "message", error))


def _encode_other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__qualname__} has no form in JSON")
