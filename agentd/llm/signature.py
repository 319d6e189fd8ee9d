"""The arguments of a tool: read from its function, described to a model, checked when they come."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any


class CallContext:
    """Marks what a tool is given by whoever runs it, not by the model.

    A parameter with this annotation, or that of a subclass (a session's `RunContext`), is in no
    schema.
    """


class ToolSignature:
    """The parameters of a tool's function."""

    def __init__(self, func: Callable[..., Any], *, tool_name: str) -> None:
        self._func = func
        self._tool_name = tool_name

    @cached_property
    def description(self) -> str:
        """What the docstring says, without what it says about arguments."""
        raise NotImplementedError

    @cached_property
    def context_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that whoever runs the tool fills."""
        raise NotImplementedError

    def schema(self, *, strict: bool) -> tuple[dict[str, Any], bool]:
        """The schema of the arguments' object, and whether it is in the strict form."""
        raise NotImplementedError

    def validate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments to call the function with; raises ToolError."""
        raise NotImplementedError
