"""The table of routes, its handlers, and the document that is made from it."""

from __future__ import annotations

import inspect
import typing

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from agentd.management.control import ControlApi
from agentd.management.openapi import make_document
from agentd.management.routes import PREFIX, ROUTES, Route


def by_name(route: Route) -> str:
    """How a test of one route is called."""
    return route.name


def test_the_document_is_one_of_openapi() -> None:
    """By a validator of others."""
    document = msgspec.json.decode(msgspec.json.encode(make_document(ROUTES)))

    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"].startswith("3.1")


@pytest.mark.parametrize("route", ROUTES, ids=by_name)
def test_each_route_is_in_the_document(route: Route) -> None:
    """With all that it takes and gives."""
    document = make_document(ROUTES)

    operation = document["paths"][f"{PREFIX}{route.path}"][route.method.lower()]
    query = () if route.query is None else route.query.__struct_fields__
    assert [each["name"] for each in operation["parameters"]] == [*route.parameters, *query]
    assert ("requestBody" in operation) == (route.body is not None)
    assert route.answer.__name__ in str(operation["responses"][str(route.status)])
    assert operation["summary"].endswith(".")


@pytest.mark.parametrize("route", ROUTES, ids=by_name)
def test_each_route_has_a_handler_that_takes_and_gives_what_it_says(route: Route) -> None:
    """By its annotations: the table is what it is called by."""
    handler = getattr(ControlApi, route.name)
    wanted: dict[str, object] = dict.fromkeys(route.parameters, str) | {"return": route.answer}
    wanted |= {"query": route.query} if route.query else {}
    wanted |= {"body": route.body} if route.body else {}

    assert inspect.iscoroutinefunction(handler)
    assert typing.get_type_hints(handler) == wanted


def test_names_and_paths_are_unique() -> None:
    """Else one would hide another."""
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_what_changes_something_needs_a_token_in_the_document() -> None:
    """Looking may be open."""
    document = make_document(ROUTES)

    for route in ROUTES:
        operation = document["paths"][f"{PREFIX}{route.path}"][route.method.lower()]
        assert ({} in operation["security"]) == (not route.steers)
