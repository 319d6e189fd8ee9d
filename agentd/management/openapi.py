"""The OpenAPI 3.1 document of the management API, made from the table of routes. Pure.

Schemas are msgspec's, from the Structs that are encoded and decoded: they can't differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from .routes import PREFIX, STREAM, Route
from .views import MAX_TEXT, ErrorBody, Line

Json = dict[str, Any]

TOKEN = "token"
"""What the document calls the way to prove who one is."""

ERROR = "ErrorBody"

DESCRIPTION = (
    "What a daemon does, and what it can be told to do. Every failure is answered with an "
    f"{ERROR}; its `code` is a stable word. Streams, for which OpenAPI 3.1 has no words, are left "
    f"out: GET /events, and GET {PREFIX}/drain for those who accept {STREAM}."
)


def make_document(routes: Iterable[Route]) -> Json:
    """The document of these routes."""
    routes = tuple(routes)
    kinds = list(dict.fromkeys(_kinds(routes)))
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    refs = dict(zip(kinds, schemas, strict=True))
    paths: Json = {}
    for route in routes:
        methods = paths.setdefault(f"{PREFIX}{route.path}", {})
        methods[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "agentd", "version": version("agentd"), "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _kinds(routes: Iterable[Route]) -> Iterable[type[Struct]]:
    """Every type that has a schema of its own."""
    yield ErrorBody
    for route in routes:
        yield route.answer
        if route.body is not None:
            yield route.body


def _operation(route: Route, refs: Mapping[type, Json]) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": ["steering" if route.steers else "looking"],
        # On loopback without a token set, looking is open.
        "security": [{TOKEN: []}] if route.steers else [{TOKEN: []}, {}],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {
            str(route.status): {
                "description": "It went well.",
                "content": {"application/json": {"schema": refs[route.answer]}},
            },
            "default": {
                "description": "Why it did not.",
                "content": {"application/json": {"schema": refs[ErrorBody]}},
            },
        },
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.body]}},
        }
    return operation


def _path_parameters(route: Route) -> list[Json]:
    line = msgspec.json.schema(Line)
    schema = {**line, "minLength": 1, "maxLength": MAX_TEXT}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in route.parameters
    ]


def _query_parameters(route: Route) -> list[Json]:
    if route.query is None:
        return []
    _, components = msgspec.json.schema_components([route.query])
    schema = components[route.query.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": dict(field)}
        for name, field in schema["properties"].items()
    ]
