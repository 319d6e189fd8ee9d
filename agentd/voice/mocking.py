"""Tools replaced by functions of a test."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from agentd.llm.arguments import prepare_arguments
from agentd.llm.items import FunctionCall
from agentd.llm.tools import CallContext
from agentd.llm.toolset import AnyFunctionTool

from .agent_base import AgentBase

Mocks: TypeAlias = Mapping[str, Callable[..., Any]]

_mocked: ContextVar[dict[type[AgentBase], Mocks]] = ContextVar("agentd_mock_tools")


@contextmanager
def mock_tools(agent: type[AgentBase], mocks: Mocks) -> Iterator[None]:
    """Within `with`: call these functions in place of an agent class's tools of their names.

    Each is given those of the tool's arguments that it takes, and may be async. What it returns or
    raises is the tool's. Holds for what is begun within, in tasks too.
    """
    known = _mocked.get({})
    token = _mocked.set({**known, agent: {**known.get(agent, {}), **mocks}})
    try:
        yield
    finally:
        _mocked.reset(token)


def mock_of(agent: AgentBase, name: str) -> Callable[..., Any] | None:
    """The function to call in place of a tool, if there is one."""
    mocked = _mocked.get({})
    for kind in type(agent).__mro__:
        found = mocked.get(kind, {}).get(name)
        if found is not None:
            return found
    return None


async def call_mock(
    mock: Callable[..., Any], tool: AnyFunctionTool, call: FunctionCall, context: CallContext
) -> Any:
    """Call it with arguments as the model wrote them; raises ToolError for ones that are bad."""
    arguments = prepare_arguments(tool, call.arguments)
    arguments |= dict.fromkeys(tool.signature.context_parameters, context)
    made = mock(**_taken(mock, arguments))
    return await made if inspect.isawaitable(made) else made


def _taken(mock: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(mock).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return arguments
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in arguments.items() if name in names}
