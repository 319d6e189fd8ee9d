"""JSON schemas in one piece and in the strict form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.errors import ToolSchemaError
from agentd.llm.schema import (
    Schema,
    allows_null,
    arguments_object,
    drop_nulls,
    make_strict,
    normalize,
)

NODE = {
    "title": "Node",
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
    },
    "required": ["value"],
}


def test_references_are_put_in_place() -> None:
    """With what is said beside them; definitions are gone then."""
    schema = {
        "type": "array",
        "items": {"$ref": "#/$defs/Color", "description": "which"},
        "$defs": {"Color": {"title": "Color", "enum": ["red", "blue"]}},
    }

    assert normalize(schema) == {
        "type": "array",
        "items": {"type": "string", "enum": ["red", "blue"], "description": "which"},
    }


def test_a_root_that_refers_to_itself_becomes_an_object() -> None:
    """The references inside it stay, with their definition."""
    made = normalize({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}})

    assert made["type"] == "object"
    assert made["properties"]["next"]["anyOf"][0] == {"$ref": "#/$defs/Node"}
    assert made["$defs"].keys() == {"Node"}


def test_properties_may_have_the_names_of_keywords() -> None:
    """A field is called title, and another discriminator."""
    properties = {
        name: {"type": "string", "title": "Noise"} for name in ("title", "discriminator", "enum")
    }

    made = normalize({"type": "object", "properties": properties})

    assert made["properties"] == {name: {"type": "string"} for name in properties}


def test_a_default_is_no_schema() -> None:
    """Whatever is in it stays."""
    default = {"title": "x", "$ref": "y"}

    assert normalize({"type": "object", "default": default})["default"] == default


def test_the_strict_form_makes_every_field_required_and_optional_ones_nullable() -> None:
    """At any depth; defaults are not said."""
    inner = {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string", "default": "x", "description": "d"},
            "c": {"type": "string", "enum": ["p", "q"], "default": "p"},
            "d": {"type": "array", "items": {"type": "string"}, "default": []},
            "e": {"const": 1, "default": 1},
            "f": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["a"],
    }

    strict = make_strict({"type": "array", "items": inner})

    assert strict is not None
    assert strict["items"] == {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["string", "null"], "description": "d"},
            "c": {"type": ["string", "null"], "enum": ["p", "q", None]},
            "d": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "e": {"anyOf": [{"const": 1}, {"type": "null"}]},
            "f": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["a", "b", "c", "d", "e", "f"],
        "additionalProperties": False,
    }


def test_a_choice_of_one_is_a_choice_of_any_in_the_strict_form() -> None:
    """It does not know the other."""
    assert make_strict({"oneOf": [{"type": "string"}, {"type": "integer"}]}) == {
        "anyOf": [{"type": "string"}, {"type": "integer"}]
    }


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"description": "anything"},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}, {}]},
        {"type": "object", "properties": {"x": {"type": "array", "items": {}}}},
    ],
)
def test_what_the_strict_form_can_not_say_has_none(schema: Schema) -> None:
    """Any value, any keys, tuples."""
    assert make_strict(schema) is None


def test_a_type_that_contains_itself_can_be_strict() -> None:
    """Its definition is, too."""
    strict = make_strict(normalize({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}))

    assert strict is not None
    assert strict["$defs"]["Node"]["required"] == ["value", "next"]
    assert strict["$defs"]["Node"]["additionalProperties"] is False


def test_an_object_of_arguments_says_defaults_that_are_json() -> None:
    """And what is required."""
    made = arguments_object(
        [
            ("a", {"type": "integer"}, True, None),
            ("b", {"type": "string"}, False, "x"),
            ("c", {"type": "string"}, False, object()),
            ("d", {}, False, {"k": [1, {2: 3}]}),
        ]
    )

    assert made == {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string", "default": "x"},
            "c": {"type": "string"},
            "d": {},
        },
        "required": ["a"],
    }


def test_two_looping_types_of_one_name_are_refused() -> None:
    """They would be one definition."""
    one = {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}
    other = {"$ref": "#/$defs/Node", "$defs": {"Node": {"type": "object"}}}

    with pytest.raises(ToolSchemaError, match="two different types have the name 'Node'"):
        arguments_object([("a", one, True, None), ("b", other, True, None)])


@pytest.mark.parametrize(
    ("schema", "allowed"),
    [
        ({}, True),
        ({"type": "null"}, True),
        ({"type": ["string", "null"]}, True),
        ({"const": None}, True),
        ({"enum": ["a", None]}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, True),
        ({"type": "string"}, False),
        ({"const": 1}, False),
        ({"enum": ["a"]}, False),
        ({"$ref": "#/$defs/Node"}, False),
    ],
)
def test_null_is_allowed_where_the_schema_says_so(schema: Schema, allowed: bool) -> None:
    """In each of the ways to say it."""
    assert allows_null(schema) is allowed


OPTIONAL = {
    "type": "object",
    "properties": {"n": {"type": "integer", "default": 1}, "any": {}, "need": {"type": "string"}},
    "required": ["need"],
}


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"n": None}, OPTIONAL, {}),
        ({"any": None}, OPTIONAL, {"any": None}),
        ({"need": None}, OPTIONAL, {"need": None}),
        ({"unknown": None}, OPTIONAL, {"unknown": None}),
        (
            [{"n": None, "need": "x"}],
            {"type": "array", "items": OPTIONAL},
            [{"need": "x"}],
        ),
        (
            {"o": {"n": None, "need": "x"}},
            {"type": "object", "properties": {"o": {"anyOf": [OPTIONAL, {"type": "null"}]}}},
            {"o": {"need": "x"}},
        ),
        (3, OPTIONAL, 3),
    ],
)
def test_nulls_that_stand_for_a_default_are_dropped(
    value: Any, schema: Schema, expected: Any
) -> None:
    """And no others."""
    assert drop_nulls(value, schema) == expected


def test_nulls_are_dropped_by_the_kind_of_object_that_it_is() -> None:
    """Of several kinds the one whose tag it has."""

    def kind(tag: str, name: str) -> Schema:
        properties = {"type": {"const": tag}, name: {"type": "integer", "default": 1}}
        return {"type": "object", "properties": properties, "required": ["type"]}

    schema = {"anyOf": [kind("a", "x"), kind("b", "y")]}

    assert drop_nulls({"type": "b", "y": None}, schema) == {"type": "b"}
    assert drop_nulls({"type": "a", "y": None}, schema) == {"type": "a", "y": None}


def test_nulls_are_dropped_in_a_type_that_contains_itself() -> None:
    """At any depth."""
    schema = normalize({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}})
    schema["$defs"]["Node"]["properties"]["value"]["default"] = 0
    schema["$defs"]["Node"]["required"] = []

    deep = {"value": 1, "next": {"value": None, "next": {"value": None, "next": None}}}

    assert drop_nulls(deep, schema) == {"value": 1, "next": {"next": {"next": None}}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(value=JSON)
def test_dropping_nulls_never_trips_over_a_value(value: Any) -> None:
    """Whatever a model has written."""
    schema = normalize({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}})

    drop_nulls(value, schema)
    drop_nulls({"next": value, "value": value}, schema)
