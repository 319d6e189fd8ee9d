"""The arguments of a tool: read from its function, described to a model, checked when they come."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, get_args, get_origin, get_type_hints

from msgspec import Struct

from agentd.errors import ToolError, ToolSchemaError

from .argtypes import REQUIRED, ArgumentType, Factory, argument_type, declared_default
from .docstring import describe
from .schema import Schema, arguments_object, drop_nulls, make_strict

RAW_ARGUMENTS: Final = "raw_arguments"
"""The parameter of a tool with a schema of its own."""


class CallContext:
    """Marks what a tool is given by whoever runs it, not by the model.

    A parameter with this annotation, or that of a subclass (a session's `RunContext`), is in no
    schema.
    """


class Parameter(Struct, frozen=True, kw_only=True):
    """One argument that the model gives."""

    name: str
    type: ArgumentType
    default: Any = REQUIRED
    description: str = ""

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    @property
    def schema(self) -> Schema:
        """Of this argument alone, with its description."""
        made = self.type.schema()
        return {"description": self.description, **made} if self.description else made


class ToolSignature:
    """The parameters of a tool's function."""

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        tool_name: str,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        self._func = func
        self._tool_name = tool_name
        self._of_method = False
        self._hints: dict[str, Any] | None = None
        try:
            # Now, while the names of the place where the function was defined are at hand.
            self._hints = self._read_hints(namespace)
        except ToolSchemaError:
            return  # they may name what comes later in the module

    def mark_method(self) -> None:
        """The function is a method: its first parameter is the instance."""
        self._of_method = not isinstance(self._func, staticmethod)

    @cached_property
    def description(self) -> str:
        """What the docstring says, without what it says about arguments."""
        return describe(self._func).text

    @cached_property
    def context_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that whoever runs the tool fills."""
        return tuple(
            name for name, _ in self._declared() if _is_context(self._type_hints.get(name))
        )

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The arguments that the model gives; raises ToolSchemaError where one has no type."""
        described = describe(self._func).arguments
        return tuple(
            self._parameter(declared, described.get(name, ""))
            for name, declared in self._declared()
            if name not in self.context_parameters
        )

    def schema(self, *, strict: bool) -> tuple[Schema, bool]:
        """The schema of the arguments' object, and whether it is in the strict form."""
        made = make_strict(self._loose) if strict else None
        return (self._loose, False) if made is None else (made, True)

    def validate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments to call the function with; raises ToolError, which says all faults.

        What the function has no parameter for is left out.
        """
        given = drop_nulls(arguments, self._loose)
        faults: list[str] = []
        made: dict[str, Any] = {}
        for parameter in self.parameters:
            try:
                made[parameter.name] = _value(parameter, given)
            except ValueError as error:
                faults.append(f"{parameter.name}: {error}")
        if faults:
            raise ToolError(
                f"The arguments of '{self._tool_name}' are not valid: {'; '.join(faults)}. "
                "Call it again with valid ones."
            )
        return made

    @cached_property
    def _loose(self) -> Schema:
        return arguments_object(
            [
                (one.name, one.schema, one.is_required, one.type.encode_default(one.default))
                for one in self.parameters
            ]
        )

    def _parameter(self, declared: inspect.Parameter, description: str) -> Parameter:
        hint = self._type_hints.get(declared.name, inspect.Parameter.empty)
        if hint is inspect.Parameter.empty:
            raise self._unusable(
                f"its parameter '{declared.name}' has no type hint: give it one "
                "(RunContext for the context of the call)"
            )
        default = REQUIRED if declared.default is declared.empty else declared.default
        hint, default = declared_default(hint, default)
        try:
            kind = argument_type(hint)
            kind.schema()
        except (TypeError, ValueError) as error:
            raise self._unusable(
                f"the type of its parameter '{declared.name}' can't be described: {error}"
            ) from error
        return Parameter(name=declared.name, type=kind, default=default, description=description)

    def _declared(self) -> Iterator[tuple[str, inspect.Parameter]]:
        declared = list(inspect.signature(self._func).parameters.values())
        for parameter in declared[1:] if self._of_method else declared:
            if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                raise self._unusable(
                    f"its parameter '{parameter}' can't be given by name: name each argument"
                )
            yield parameter.name, parameter

    @property
    def _type_hints(self) -> dict[str, Any]:
        if self._hints is None:
            self._hints = self._read_hints(None)
        return self._hints

    def _read_hints(self, namespace: Mapping[str, Any] | None) -> dict[str, Any]:
        func = inspect.unwrap(self._func)
        try:
            try:
                return get_type_hints(func, include_extras=True)
            except NameError:
                if namespace is None:
                    raise
                return get_type_hints(func, localns=dict(namespace), include_extras=True)
        # A type hint is an expression of the user's, and any may go wrong.
        except Exception as error:
            raise self._unusable(f"its type hints can't be read: {error}") from error

    def _unusable(self, why: str) -> ToolSchemaError:
        return ToolSchemaError(f"the tool '{self._tool_name}' can't be described: {why}")


def _value(parameter: Parameter, given: dict[str, Any]) -> Any:
    if parameter.name in given:
        return parameter.type.convert(given[parameter.name])
    if parameter.is_required:
        raise ValueError("it is missing")
    default = parameter.default
    return default.make() if isinstance(default, Factory) else default


def _is_context(hint: Any) -> bool:
    """Whether it is CallContext, a subclass, or a generic or optional form of one."""
    origin = get_origin(hint)
    if origin is None:
        return isinstance(hint, type) and issubclass(hint, CallContext)
    return _is_context(origin) or any(_is_context(one) for one in get_args(hint))
