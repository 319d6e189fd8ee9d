"""Argument schemas from type hints, and values checked by them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar, Union

import msgspec
import pytest
from msgspec import Meta
from pydantic import BaseModel, Field
from typing_extensions import TypedDict as ExtensionsTypedDict

from agentd.errors import ToolError, ToolSchemaError
from agentd.llm import CallContext, function_tool, prepare_arguments

T = TypeVar("T")


class Context(CallContext, Generic[T]):
    """As a session's RunContext."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(msgspec.Struct):
    x: int
    y: Annotated[int, Meta(ge=0, description="Up.")] = 5


@dataclasses.dataclass
class Person:
    name: str
    age: int | None = None
    friends: list[Person] = dataclasses.field(default_factory=list)


class Address(TypedDict):
    street: str
    number: NotRequired[int]


class Order(BaseModel):
    item: str
    count: int = Field(default=1, ge=1, description="How many.")


class Basket(ExtensionsTypedDict):
    orders: list[Order]


@dataclasses.dataclass
class Delivery:
    order: Order
    express: bool = False


def schema_of(func: Callable[..., Any], *, strict: bool = False) -> dict[str, Any]:
    """The schema of a function's only argument."""
    tool = function_tool(func)
    made: dict[str, Any] = tool.schema(strict=strict)["function"]["parameters"]
    return made


def argument(annotation: Any, default: Any = None, *, has_default: bool = False) -> Any:
    """A tool with one argument `x` of this type."""

    def func(x, y=None):  # type: ignore[no-untyped-def]  # annotated below
        """Take it."""

    func.__annotations__ = {"x": annotation, "y": int | None}
    if has_default:
        func.__defaults__ = (default, None)
    return function_tool(func)


def x_of(tool: Any) -> dict[str, Any]:
    """The loose schema of `x`."""
    made: dict[str, Any] = tool.schema(strict=False)["function"]["parameters"]["properties"]["x"]
    return made


POINT = {
    "type": "object",
    "properties": {
        "x": {"type": "integer"},
        "y": {"type": "integer", "minimum": 0, "description": "Up.", "default": 5},
    },
    "required": ["x"],
}
ORDER = {
    "type": "object",
    "properties": {
        "item": {"type": "string"},
        "count": {"type": "integer", "minimum": 1, "description": "How many.", "default": 1},
    },
    "required": ["item"],
}

CASES = [
    pytest.param(str, {"type": "string"}, "a", "a", id="str"),
    pytest.param(int, {"type": "integer"}, "5", 5, id="int-from-text"),
    pytest.param(float, {"type": "number"}, 1, 1.0, id="float"),
    pytest.param(bool, {"type": "boolean"}, "true", True, id="bool-from-text"),
    pytest.param(Color, {"type": "string", "enum": ["blue", "red"]}, "red", Color.RED, id="enum"),
    pytest.param(Level, {"enum": [1, 2]}, 2, Level.HIGH, id="int-enum"),
    pytest.param(Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "a", "a", id="literal"),
    pytest.param(
        Union[int, None],  # noqa: UP007 - the old form
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        None,
        None,
        id="optional",
    ),
    pytest.param(
        int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", "5", id="union"
    ),
    pytest.param(
        list[Color],
        {"type": "array", "items": {"type": "string", "enum": ["blue", "red"]}},
        ["red"],
        [Color.RED],
        id="list",
    ),
    pytest.param(
        dict[str, int],
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"a": 1},
        {"a": 1},
        id="dict",
    ),
    pytest.param(
        datetime.date,
        {"type": "string", "format": "date"},
        "2026-01-02",
        datetime.date(2026, 1, 2),
        id="date",
    ),
    pytest.param(Any, {}, {"a": [1]}, {"a": [1]}, id="any"),
    pytest.param(
        Annotated[int, Meta(ge=1, le=3, description="d")],
        {"type": "integer", "minimum": 1, "maximum": 3, "description": "d"},
        3,
        3,
        id="msgspec-meta",
    ),
    pytest.param(
        Annotated[str, "which one"],
        {"type": "string", "description": "which one"},
        "a",
        "a",
        id="text-in-annotated",
    ),
    pytest.param(
        Annotated[int, Field(ge=1, description="d")],
        {"type": "integer", "minimum": 1, "description": "d"},
        "3",
        3,
        id="pydantic-field",
    ),
    pytest.param(
        Annotated[str, Field(json_schema_extra={"enum": ["a", "b"]})],
        {"type": "string", "enum": ["a", "b"]},
        "a",
        "a",
        id="pydantic-extra",
    ),
    pytest.param(Point, POINT, {"x": 1}, Point(x=1), id="struct"),
    pytest.param(
        Order, ORDER, {"item": "tea", "count": "2"}, Order(item="tea", count=2), id="model"
    ),
    pytest.param(
        Address,
        {
            "type": "object",
            "properties": {"street": {"type": "string"}, "number": {"type": "integer"}},
            "required": ["street"],
        },
        {"street": "a"},
        {"street": "a"},
        id="typed-dict",
    ),
    pytest.param(
        Basket,
        {
            "type": "object",
            "properties": {"orders": {"type": "array", "items": ORDER}},
            "required": ["orders"],
        },
        {"orders": [{"item": "tea"}]},
        {"orders": [Order(item="tea")]},
        id="typed-dict-of-models",
    ),
    pytest.param(
        Delivery,
        {
            "type": "object",
            "properties": {"order": ORDER, "express": {"type": "boolean", "default": False}},
            "required": ["order"],
        },
        {"order": {"item": "tea"}},
        Delivery(Order(item="tea")),
        id="dataclass-with-model",
    ),
]


@pytest.mark.parametrize(("annotation", "schema", "value", "made"), CASES)
def test_a_type_is_described_and_made(
    annotation: Any, schema: dict[str, Any], value: Any, made: Any
) -> None:
    """Its schema, and a value of it out of JSON's types."""
    tool = argument(annotation)

    kwargs = prepare_arguments(tool, msgspec.json.encode({"x": value}).decode())

    assert without_description(x_of(tool), schema) == schema
    assert kwargs == {"x": made, "y": None}
    assert type(kwargs["x"]) is type(made)


def without_description(made: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """A class's own docstring may be its description, unless one is wanted."""
    return {key: made[key] for key in made if key != "description" or key in wanted}


def test_a_type_that_contains_itself_is_described_by_a_definition() -> None:
    """And values of any depth are made."""
    tool = argument(Person)

    kwargs = prepare_arguments(tool, '{"x": {"name": "a", "friends": [{"name": "b"}]}}')

    parameters = tool.schema()["function"]["parameters"]
    assert parameters["$defs"].keys() == {"Person"}
    assert kwargs["x"] == Person("a", friends=[Person("b")])


def test_a_description_in_the_annotation_wins_over_the_docstring() -> None:
    """It is nearer."""

    def func(a: Annotated[int, Meta(description="from the type")], b: int) -> None:
        """Do it.

        Args:
            a: from the docstring
            b: from the docstring
        """

    properties = schema_of(func)["properties"]

    assert properties["a"]["description"] == "from the type"
    assert properties["b"]["description"] == "from the docstring"


def test_a_context_is_not_the_models_to_give() -> None:
    """In each of the ways to annotate it."""

    def func(
        a: CallContext,
        b: Context[int],
        c: Context[int] | None,
        d: Annotated[Context[str], "x"],
        x: int,
    ) -> None:
        """Do it."""

    tool = function_tool(func)

    assert list(schema_of(func)["properties"]) == ["x"]
    assert tool.signature.context_parameters == ("a", "b", "c", "d")
    assert prepare_arguments(tool, '{"x": 1, "a": 2}') == {"x": 1}


def test_in_the_strict_form_null_stands_for_a_default() -> None:
    """Also inside of objects, also those of pydantic."""

    def func(point: Point, order: Order, n: int = 4, color: Color = Color.RED) -> None:
        """Do it."""

    tool = function_tool(func)
    parameters = schema_of(func, strict=True)

    kwargs = prepare_arguments(
        tool,
        '{"point": {"x": 1, "y": null}, "order": {"item": "tea", "count": null},'
        ' "n": null, "color": null}',
    )

    assert parameters["required"] == ["point", "order", "n", "color"]
    assert parameters["properties"]["n"] == {"type": ["integer", "null"]}
    assert parameters["properties"]["point"]["required"] == ["x", "y"]
    assert kwargs == {
        "point": Point(x=1),
        "order": Order(item="tea", count=1),
        "n": 4,
        "color": Color.RED,
    }


def test_null_stays_null_where_the_type_allows_it() -> None:
    """It may mean something else than the default."""
    tool = argument(int | None, 5, has_default=True)

    assert prepare_arguments(tool, '{"x": null}')["x"] is None
    assert prepare_arguments(tool, "{}")["x"] == 5


def test_a_tool_that_can_not_be_strict_is_described_loosely() -> None:
    """And does not say that it is strict."""
    made = argument(dict[str, int]).schema()["function"]

    assert "strict" not in made
    assert made["parameters"]["required"] == ["x"]
    assert argument(int).schema()["function"]["strict"] is True


def test_defaults_are_shown_in_the_loose_form() -> None:
    """As JSON, where they are that."""
    assert x_of(argument(Color, Color.RED, has_default=True))["default"] == "red"
    assert x_of(argument(Point, Point(1), has_default=True))["default"] == {"x": 1, "y": 5}
    assert "default" not in x_of(argument(Any, object(), has_default=True))


def test_pydantics_field_may_be_the_default() -> None:
    """Or have one, in the annotation."""

    def func(
        a: int = Field(3, ge=1),
        b: int = Field(ge=1),
        c: Annotated[int, Field(default=7)] = 8,
    ) -> None:
        """Do it."""

    def only_annotated(
        e: Annotated[int, Field(default=7)], f: Annotated[list[int], Field(default_factory=list)]
    ) -> None:
        """Do it."""

    tool = function_tool(func)

    assert schema_of(func)["required"] == ["b"]
    assert prepare_arguments(tool, '{"b": 2}') == {"a": 3, "b": 2, "c": 8}
    annotated = function_tool(only_annotated)
    once, twice = [prepare_arguments(annotated, "{}") for _ in range(2)]
    assert once == twice == {"e": 7, "f": []}
    assert once["f"] is not twice["f"]
    with pytest.raises(ToolError, match="a: .*greater than or equal to 1"):
        prepare_arguments(tool, '{"a": 0, "b": 2}')


@pytest.mark.parametrize(
    ("annotation", "value", "fault"),
    [
        (int, "abc", "x: Expected `int`, got `str`"),
        (Color, "green", r"x: Invalid enum value 'green', must be one of \['blue', 'red'\]"),
        (list[int], [1, "b"], r"x: Expected `int`, got `str` - at `\$\[1\]`"),
        (Annotated[int, Meta(ge=3)], 2, "x: Expected `int` >= 3"),
        (Order, {"count": 0}, "x: item: Field required, count: Input should be greater"),
        (Person, {"name": None}, r"x: Expected `str`, got `null` - at `\$.name`"),
    ],
)
def test_a_wrong_value_is_told_so_that_the_model_can_mend_it(
    annotation: Any, value: Any, fault: str
) -> None:
    """With the name of the argument and what is wrong."""
    text = msgspec.json.encode({"x": value}).decode()

    with pytest.raises(ToolError, match=f"arguments of 'func' are not valid: {fault}"):
        prepare_arguments(argument(annotation), text)


def test_all_faults_are_told_at_once() -> None:
    """Missing arguments among them."""

    def func(a: int, b: int, c: int) -> None:
        """Do it."""

    with pytest.raises(ToolError) as caught:
        prepare_arguments(function_tool(func), '{"a": "x", "c": 1}')

    assert caught.value.message == (
        "The arguments of 'func' are not valid: a: Expected `int`, got `str`; b: it is missing. "
        "Call it again with valid ones."
    )


def test_arguments_that_nobody_asked_for_are_left_out() -> None:
    """Small models make them up."""
    assert prepare_arguments(argument(int), '{"x": 1, "z": 2}') == {"x": 1, "y": None}


def test_type_hints_may_name_what_is_local_or_comes_later() -> None:
    """With annotations that are evaluated late, as in this module."""

    class Local(msgspec.Struct):
        a: int

    @function_tool
    def with_local(x: Local, y: Annotated[Local, "here"]) -> None:
        """Do it."""

    @function_tool
    def with_later(x: Later) -> None:
        """Do it."""

    assert prepare_arguments(with_local, '{"x": {"a": 1}, "y": {"a": 2}}')["x"] == Local(1)
    assert prepare_arguments(with_later, '{"x": {"b": 1}}') == {"x": Later(1)}


class Later(msgspec.Struct):
    b: int


def no_hint(x) -> None:  # type: ignore[no-untyped-def]  # the point of it
    """Take it."""


def unknown_hint(x: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Take it."""


def star_args(*args: int) -> None:
    """Take them."""


def star_kwargs(**kwargs: int) -> None:
    """Take them."""


def by_place(x: int, /) -> None:
    """Take it."""


def no_type(x: complex) -> None:
    """Take it."""


def plain_typed_dict(x: PlainBasket) -> None:
    """Take it."""


class PlainBasket(TypedDict):
    orders: list[Order]


@pytest.mark.parametrize(
    ("func", "why"),
    [
        (no_hint, "'no_hint' can't be described: its parameter 'x' has no type hint: give it one"),
        (unknown_hint, "its type hints can't be read: name 'Nowhere' is not defined"),
        (star_args, r"its parameter '\*args: 'int'' can't be given by name"),
        (star_kwargs, "can't be given by name: name each argument"),
        (by_place, "can't be given by name: name each argument"),
        (no_type, "the type of its parameter 'x' can't be described: .*complex"),
        (plain_typed_dict, "(?s)parameter 'x' can't be described: .*typing_extensions.TypedDict"),
    ],
)
def test_a_function_that_can_not_be_described_says_why(func: Callable[..., Any], why: str) -> None:
    """When its schema is asked for, naming tool and parameter."""
    tool = function_tool(func)

    with pytest.raises(ToolSchemaError, match=why):
        tool.schema()
    with pytest.raises(ToolSchemaError, match=why):
        prepare_arguments(tool, "{}")
