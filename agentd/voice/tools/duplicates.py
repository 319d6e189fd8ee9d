"""What happens to a call while another of the same tool is at work. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from agentd.errors import ToolError
from agentd.llm.arguments import parse_arguments
from agentd.llm.items import FunctionCall
from agentd.llm.tools import FunctionToolInfo, RawFunctionTool
from agentd.llm.toolset import AnyFunctionTool

CONFIRM = "lk_agents_confirm_duplicate"
"""The parameter by which the model says that it means it; livekit-agents' name."""


class Peers(Struct, frozen=True):
    """A call, and those of the same tool that are at work."""

    call: FunctionCall
    others: list[FunctionCall]


class Decision(Struct, frozen=True):
    """The call is made."""

    cancel: list[FunctionCall] = []
    """Those that it takes the place of."""


def decide_duplicate(info: FunctionToolInfo, peers: Peers, is_confirmed: bool) -> Decision:
    """Whether the call is made; raises ToolError, with a text for the model, where it is not."""
    same = [other for other in peers.others if _is_same(info, peers.call, other)]
    if not same or info.on_duplicate == "allow":
        return Decision()
    if info.on_duplicate == "replace":
        return Decision(same)
    running = ", ".join(other.call_id for other in same)
    if info.on_duplicate == "reject":
        raise ToolError(
            f"{info.name} is already at work ({running}): wait for its result and do not call it "
            "again."
        )
    if is_confirmed:
        return Decision()
    raise ToolError(
        f"{info.name} is already at work ({running}). If a second call is really wanted, call it "
        f"again with {CONFIRM} set to true."
    )


def confirmed_call(call: FunctionCall, tool: AnyFunctionTool | None) -> tuple[FunctionCall, bool]:
    """The call without the parameter that is ours, and whether that was set."""
    if tool is None or tool.info.on_duplicate != "confirm" or CONFIRM not in call.arguments:
        return call, False
    arguments = parse_arguments(call.arguments)
    is_confirmed = bool(arguments.pop(CONFIRM, False))
    text = msgspec.json.encode(arguments).decode()
    return msgspec.structs.replace(call, arguments=text), is_confirmed


def with_confirmation(tool: AnyFunctionTool) -> AnyFunctionTool:
    """The tool as the model sees it, with a parameter to confirm a second call."""
    described: dict[str, Any] = tool.schema(strict=False)["function"]
    parameters = dict(described.get("parameters") or {"type": "object"})
    parameters["properties"] = {
        **parameters.get("properties", {}),
        CONFIRM: {
            "type": "boolean",
            "description": "Only true to call the tool although a call of it is still at work.",
        },
    }
    schema = {**described, "parameters": parameters}
    info = msgspec.structs.replace(tool.info, raw_schema=schema)
    return RawFunctionTool(tool.func, info, tool.instance, signature=tool.signature)


def _is_same(info: FunctionToolInfo, call: FunctionCall, other: FunctionCall) -> bool:
    if info.duplicate_scope == "name":
        return True
    return bool(_arguments(call) == _arguments(other))


def _arguments(call: FunctionCall) -> Any:
    try:
        arguments = parse_arguments(call.arguments)
    except ToolError:
        return call.arguments
    arguments.pop(CONFIRM, None)
    return arguments
