"""Replies that are data."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, TypeVar

import msgspec
import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from agentd.errors import APIError, ToolSchemaError
from agentd.llm import parse_response, to_openai_response_format

T = TypeVar("T")


class AsModel(BaseModel):
    name: str
    age: int = 3


class AsStruct(msgspec.Struct):
    name: str
    age: int = 3


@dataclasses.dataclass
class AsDataclass:
    name: str
    age: int = 3


class AsTypedDict(TypedDict):
    name: str


class Tree(msgspec.Struct):
    children: list[Tree] = []


class Loose(msgspec.Struct):
    extra: dict[str, Any]


class Box(BaseModel, Generic[T]):
    value: T


@pytest.mark.parametrize("kind", [AsModel, AsStruct, AsDataclass])
def test_a_class_is_a_strict_format(kind: type) -> None:
    """All fields required, those with a default nullable."""
    made = to_openai_response_format(kind)

    assert made["type"] == "json_schema"
    described = made["json_schema"]
    assert (described["name"], described["strict"]) == (kind.__name__, True)
    assert described["schema"]["properties"] == {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
    }
    assert described["schema"]["required"] == ["name", "age"]
    assert described["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("kind", [AsModel, AsStruct, AsDataclass])
def test_a_reply_is_made_a_value_of_the_class(kind: Any) -> None:
    """Null stands for the default."""
    assert parse_response('{"name": "a", "age": null}', kind) == kind(name="a", age=3)


def test_a_typed_dict_is_a_format_too() -> None:
    """Its value is a dict."""
    made = to_openai_response_format(AsTypedDict)

    assert made["json_schema"]["schema"]["required"] == ["name"]
    assert parse_response('{"name": "a"}', AsTypedDict) == {"name": "a"}


def test_a_class_that_contains_itself_has_an_object_at_its_root() -> None:
    """Providers want that."""
    schema = to_openai_response_format(Tree)["json_schema"]["schema"]

    assert schema["type"] == "object"
    assert "$ref" not in schema
    assert parse_response('{"children": [{"children": []}]}', Tree) == Tree([Tree()])


def test_a_class_that_can_not_be_strict_is_a_loose_format() -> None:
    """And says so."""
    assert to_openai_response_format(Loose)["json_schema"]["strict"] is False


def test_a_format_that_is_given_as_such_is_left_alone() -> None:
    """Whatever it is."""
    given = {"type": "json_object"}

    assert to_openai_response_format(given) is given


def test_a_name_has_only_letters_that_are_allowed() -> None:
    """Those of a generic class are not."""
    assert to_openai_response_format(Box[int])["json_schema"]["name"] == "Box_int_"


@pytest.mark.parametrize("kind", [int, object])
def test_a_type_that_is_no_object_is_refused(kind: type) -> None:
    """With the type in the error."""
    with pytest.raises(ToolSchemaError, match=f"{kind!r} (is no object|can't be described)"):
        to_openai_response_format(kind)


@pytest.mark.parametrize("text", ["", "no", '{"age": 3}', "[]", "\ud800"])
@pytest.mark.parametrize("kind", [AsModel, AsStruct])
def test_a_reply_of_another_form_is_an_api_error(kind: Any, text: str) -> None:
    """It may be asked for again; the error has the reply."""
    with pytest.raises(APIError, match=f"the reply is no {kind.__name__}: ") as caught:
        parse_response(text, kind)

    assert caught.value.body == text
    assert caught.value.retryable
