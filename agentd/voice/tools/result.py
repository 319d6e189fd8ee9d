"""What a tool has returned: an output, another agent, or both."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from agentd.errors import ToolError
from agentd.llm.items import FunctionCall, FunctionCallOutput
from agentd.llm.outputs import make_function_call_output
from agentd.llm.tools import ToolResult
from agentd.voice.agent_base import AgentBase


class ToolAnswer(Struct, frozen=True, kw_only=True, eq=False):
    """What the model is told of a call, and what follows from it."""

    call: FunctionCall
    output: FunctionCallOutput | None
    """None where the agent is to say nothing, and the call is not to be remembered."""
    agent: AgentBase | None = None
    """Who takes over."""
    goes_on: bool = False
    """Whether the tool is still at work; this is an update."""

    @property
    def wants_reply(self) -> bool:
        """Whether the model is to say something about it."""
        return self.output is not None and self.output.reply_required


def answer(call: FunctionCall, value: Any) -> ToolAnswer:
    """The answer of a tool that has returned something.

    An agent takes over, alone or beside an output; two agents are an error, and a tool that returns
    nothing wants no reply.
    """
    agent, output = split_agent(value)
    if isinstance(agent, ToolError):
        return failure(call, agent)
    made = make_function_call_output(fnc_call=call, output=output).fnc_call_out
    if made is not None and output is None:
        made.reply_required = False
    return ToolAnswer(call=call, output=made, agent=agent)


def failure(call: FunctionCall, error: BaseException) -> ToolAnswer:
    """The answer of a tool that has raised something."""
    made = make_function_call_output(fnc_call=call, exception=error).fnc_call_out
    return ToolAnswer(call=call, output=made)


def split_agent(value: Any) -> tuple[AgentBase | ToolError | None, Any]:
    """The agent in what a tool returned, and the rest of it."""
    if isinstance(value, AgentBase):
        return value, None
    if isinstance(value, ToolResult):
        agent, rest = split_agent(value.output)
        return agent, ToolResult(rest, value.reply_required) if agent is not None else value
    if not isinstance(value, list | tuple) or not any(isinstance(v, AgentBase) for v in value):
        return None, value
    agents = [part for part in value if isinstance(part, AgentBase)]
    rest = [part for part in value if not isinstance(part, AgentBase)]
    if len(agents) > 1:
        return ToolError("The tool named two agents to take over. Nobody has."), None
    return agents[0], rest[0] if len(rest) == 1 else rest or None
