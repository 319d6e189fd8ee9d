"""One call of a tool, outside of any session: for tests, and for code without an agent."""

from __future__ import annotations

import inspect
from typing import Any

from .arguments import prepare_arguments
from .events import FunctionToolCall
from .items import FunctionCall
from .outputs import FunctionCallResult, make_function_call_output
from .tools import CallContext
from .toolset import AnyFunctionTool, ToolContext


async def execute_function_call(
    tool_call: FunctionToolCall | FunctionCall,
    tool_ctx: ToolContext,
    *,
    call_ctx: CallContext | None = None,
) -> FunctionCallResult:
    """Call the tool that a model asked for and wait for it.

    What goes wrong, an unknown name and bad arguments included, is in the result, not raised. The
    tool's context parameters are given `call_ctx`.
    """
    call = _as_call(tool_call)
    try:
        tool = tool_ctx.require(call.name)
        output = await call_tool(tool, call.arguments, call_ctx=call_ctx)
    # The tool is the user's code; the result says what it raised.
    except Exception as error:  # noqa: BLE001
        return make_function_call_output(fnc_call=call, exception=error)
    return make_function_call_output(fnc_call=call, output=output)


async def call_tool(
    tool: AnyFunctionTool, json_text: str, *, call_ctx: CallContext | None = None
) -> Any:
    """Call a tool with arguments as a model wrote them, and wait for its result.

    Raises ToolError for arguments that are not valid, and whatever the tool raises.
    """
    arguments = prepare_arguments(tool, json_text)
    arguments |= dict.fromkeys(tool.signature.context_parameters, call_ctx)
    made = tool(**arguments)
    return await made if inspect.isawaitable(made) else made


def _as_call(tool_call: FunctionToolCall | FunctionCall) -> FunctionCall:
    if isinstance(tool_call, FunctionCall):
        return tool_call
    return FunctionCall(
        call_id=tool_call.call_id,
        name=tool_call.name,
        arguments=tool_call.arguments,
        extra=tool_call.extra,
    )
