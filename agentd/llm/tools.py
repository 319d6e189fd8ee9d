"""Functions that a model may call, and the decorator that makes them.

What a call does to a conversation is the session's business; here a tool is a name, a
description, a schema of arguments and a function.
"""

from __future__ import annotations

import enum
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeGuard,
    TypeVar,
    overload,
)

from msgspec import Struct
from msgspec.structs import replace

from agentd.errors import StopResponse, ToolError, ToolSchemaError

from .signature import CallContext, ToolSignature

__all__ = [
    "CallContext", "DuplicateMode", "DuplicateScope", "FunctionTool", "FunctionToolInfo",
    "ProviderTool", "RawFunctionTool", "StopResponse", "Tool", "ToolError", "ToolFlag", "ToolLike",
    "ToolResult", "find_function_tools", "function_tool", "is_function_tool",
    "is_raw_function_tool", "tool_names",
]  # fmt: skip

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")

DuplicateMode: TypeAlias = Literal["allow", "reject", "replace", "confirm"]
"""What happens to a call while one of the same tool runs."""

DuplicateScope: TypeAlias = Literal["name", "name_and_args"]
"""Which calls are the same: those of one tool, or those with equal arguments too."""


class ToolFlag(enum.Flag):
    """What is special about a tool."""

    NONE = 0
    IGNORE_ON_ENTER = enum.auto()
    """Hidden from the model while the agent's `on_enter` runs."""
    CANCELLABLE = enum.auto()
    """The model may end a running call."""
    IDEMPOTENT = enum.auto()
    """Calling it twice does no more than calling it once: where a process dies during a call, the
    next one calls it again. Not in livekit-agents."""


class ToolResult(Struct, frozen=True):
    """What a tool may return to say more than its output."""

    output: Any = None
    reply_required: bool = True
    """Whether the model is to say something about it."""


class Tool(ABC):
    """Something a model may use."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its name among the tools of an agent."""


class ProviderTool(Tool):
    """A tool that the provider itself runs, such as its web search; plugins derive from it."""

    def __init__(self, *, id: str) -> None:
        self._id = id

    @property
    def id(self) -> str:
        """See the base class."""
        return self._id


class FunctionToolInfo(Struct, frozen=True, kw_only=True):
    """What the decorator was told, and found."""

    name: str
    description: str = ""
    flags: ToolFlag = ToolFlag.NONE
    on_duplicate: DuplicateMode = "allow"
    duplicate_scope: DuplicateScope = "name"
    raw_schema: dict[str, Any] | None = None
    """The function's whole entry in the request, for one that takes `raw_arguments`."""
    qualified_name: str = ""
    """What it is called where another tool has its name; empty for one that insists on it."""


class _Callable(Tool, Generic[P, R]):
    """A function that was made a tool; of a method, one for the class and one for each instance.

    Calling it calls the function.
    """

    def __init__(
        self,
        func: Callable[P, R],
        info: FunctionToolInfo,
        instance: object = None,
        *,
        signature: ToolSignature | None = None,
    ) -> None:
        functools.update_wrapper(self, func)
        self.func = func
        self.info = info
        self.instance = instance
        self.signature = signature or ToolSignature(func, tool_name=info.name)
        """Read from the type hints when it is first needed: they may name what comes later."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.signature.mark_method()

    @property
    def id(self) -> str:
        """See the base class."""
        return self.info.name

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.info.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.instance is None:
            return self.func(*args, **kwargs)
        bound: Callable[P, R] = self.func.__get__(self.instance)
        return bound(*args, **kwargs)

    @abstractmethod
    def schema(self, *, strict: bool = True) -> dict[str, Any]:
        """The function's entry in a request, in OpenAI's format."""

    def __eq__(self, other: object) -> bool:
        # Each look at a method makes another object of one tool.
        return (
            isinstance(other, _Callable)
            and self.func is other.func
            and self.instance is other.instance
        )

    def __hash__(self) -> int:
        return hash((id(self.func), id(self.instance)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.info.name!r})"


class FunctionTool(_Callable[P, R]):
    """A tool whose arguments are described by its type hints and docstring."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> FunctionTool[P, R]: ...
    @overload
    def __get__(
        self: FunctionTool[Concatenate[Any, Q], R], instance: object, owner: type | None = None
    ) -> FunctionTool[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return FunctionTool(self.func, self.info, instance, signature=self.signature)

    def schema(self, *, strict: bool = True) -> dict[str, Any]:
        """See the base class. Raises ToolSchemaError where a type hint can't be described.

        In the strict form, which the model can't deviate from, a parameter with a default may be
        null, which means the default. A tool with a parameter that the strict form does not know
        (any object, any keys) is described in the loose form all the same.
        """
        parameters, is_strict = self.signature.schema(strict=strict)
        described = {
            "name": self.info.name,
            "description": self.info.description,
            "parameters": parameters,
        }
        return {"type": "function", "function": described | ({"strict": True} if is_strict else {})}


class RawFunctionTool(_Callable[P, R]):
    """A tool with a schema of its own; its function takes `raw_arguments: dict`."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> RawFunctionTool[P, R]: ...
    @overload
    def __get__(
        self: RawFunctionTool[Concatenate[Any, Q], R], instance: object, owner: type | None = None
    ) -> RawFunctionTool[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return RawFunctionTool(self.func, self.info, instance, signature=self.signature)

    def schema(self, *, strict: bool = True) -> dict[str, Any]:
        """See the base class: what the decorator was given, whether strict or not."""
        return {"type": "function", "function": dict(self.info.raw_schema or {})}

    def renamed(self, name: str) -> RawFunctionTool[P, R]:
        """The same tool under another name."""
        schema = {**(self.info.raw_schema or {}), "name": name}
        info = replace(self.info, name=name, raw_schema=schema)
        return RawFunctionTool(self.func, info, self.instance, signature=self.signature)


class ToolsetLike(Protocol):
    """What holds several tools."""

    @property
    def tools(self) -> list[Any]: ...


ToolLike: TypeAlias = Tool | ToolsetLike


class _Decorator(Protocol):
    def __call__(self, func: Callable[P, R], /) -> FunctionTool[P, R]: ...


class _RawDecorator(Protocol):
    def __call__(self, func: Callable[P, R], /) -> RawFunctionTool[P, R]: ...


@overload
def function_tool(
    f: Callable[P, R],
    *,
    name: str | None = None,
    description: str | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: DuplicateMode = "allow",
    duplicate_scope: DuplicateScope = "name",
) -> FunctionTool[P, R]: ...
@overload
def function_tool(
    f: Callable[P, R],
    *,
    raw_schema: dict[str, Any],
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: DuplicateMode = "allow",
    duplicate_scope: DuplicateScope = "name",
) -> RawFunctionTool[P, R]: ...
@overload
def function_tool(
    *,
    name: str | None = None,
    description: str | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: DuplicateMode = "allow",
    duplicate_scope: DuplicateScope = "name",
) -> _Decorator: ...
@overload
def function_tool(
    *,
    raw_schema: dict[str, Any],
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: DuplicateMode = "allow",
    duplicate_scope: DuplicateScope = "name",
) -> _RawDecorator: ...
def function_tool(
    f: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    raw_schema: dict[str, Any] | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: DuplicateMode = "allow",
    duplicate_scope: DuplicateScope = "name",
) -> Any:
    """Make a function, or a method of an Agent or Toolset, a tool.

    Args:
        f: The function, async or not.
        name: What the model calls it; the function's own name unless given.
        description: What it does; the docstring's text above its arguments unless given.
        raw_schema: The function's entry in OpenAI's format (`name`, `description`,
            `parameters`); the function is then given `raw_arguments`, a dict, unchecked.
        flags: What is special about it.
        on_duplicate: What happens to a call while another is running.
        duplicate_scope: Which other calls count.

    Raises ToolSchemaError for a raw schema without name or parameters.
    """

    def make(
        func: Callable[..., Any], frame: FrameType | None = None
    ) -> FunctionTool[..., Any] | RawFunctionTool[..., Any]:
        signature = ToolSignature(
            func, tool_name=name or func.__name__, namespace=_names_around(frame or _caller())
        )
        info = FunctionToolInfo(
            name=_raw_name(raw_schema) if raw_schema is not None else name or func.__name__,
            description=signature.description if description is None else description,
            flags=flags,
            on_duplicate=on_duplicate,
            duplicate_scope=duplicate_scope,
            raw_schema=raw_schema,
        )
        kind = FunctionTool if raw_schema is None else RawFunctionTool
        return kind(func, info, signature=signature)

    return make if f is None else make(f, _caller())


def is_function_tool(value: object) -> TypeGuard[FunctionTool[..., Any]]:
    """Whether it is a tool with described arguments."""
    return isinstance(value, FunctionTool)


def is_raw_function_tool(value: object) -> TypeGuard[RawFunctionTool[..., Any]]:
    """Whether it is a tool with a schema of its own."""
    return isinstance(value, RawFunctionTool)


def find_function_tools(
    cls_or_obj: object,
) -> list[FunctionTool[..., Any] | RawFunctionTool[..., Any]]:
    """The tools among an object's or class's methods, those of base classes first."""
    return [getattr(cls_or_obj, name) for name in _tool_attributes(cls_or_obj)]


def tool_names(tools: Iterable[ToolLike | str]) -> set[str]:
    """The names of tools, also of those in toolsets."""
    found: set[str] = set()
    for tool in tools:
        match tool:
            case str():
                found.add(tool)
            case Tool():
                found.add(tool.id)
            case _:
                found |= tool_names(tool.tools)
    return found


def _tool_attributes(cls_or_obj: object) -> Iterator[str]:
    """Names in the order of definition; no property is asked on the way."""
    kind = cls_or_obj if isinstance(cls_or_obj, type) else type(cls_or_obj)
    names = dict.fromkeys(name for base in reversed(kind.__mro__) for name in vars(base))
    own = {} if isinstance(cls_or_obj, type) else getattr(cls_or_obj, "__dict__", {})
    for name in [*names, *(name for name in own if name not in names)]:
        if isinstance(inspect.getattr_static(cls_or_obj, name, None), _Callable):
            yield name


def _caller() -> FrameType | None:
    """Who called the function that calls this."""
    frame = inspect.currentframe()
    return frame.f_back.f_back if frame is not None and frame.f_back is not None else None


def _names_around(frame: FrameType | None) -> dict[str, Any] | None:
    """The local names where a tool is defined, which its type hints may use."""
    if frame is None or frame.f_locals is frame.f_globals:
        return None
    return frame.f_locals


def _raw_name(raw_schema: dict[str, Any]) -> str:
    name = raw_schema.get("name")
    if not isinstance(name, str) or not name or not isinstance(raw_schema.get("parameters"), dict):
        raise ToolSchemaError(
            f"raw_schema needs a 'name' and a dict of 'parameters', but is {raw_schema!r}"
        )
    return name
