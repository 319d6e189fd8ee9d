"""JSON schemas as models like them: in one piece, plain, and in OpenAI's strict form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from agentd.errors import ToolSchemaError

Schema: TypeAlias = dict[str, Any]

DEFINITIONS = "$defs"
NOISE = ("title", "discriminator")
"""Keys that tell a model nothing."""
VALUES = ("default", "const", "enum", "examples")
"""Keys whose values are no schemas."""
NOT_STRICT = ("prefixItems", "patternProperties", "allOf", "not", "unevaluatedProperties")
"""What the strict form does not know."""


def normalize(schema: Schema) -> Schema:
    """A schema without references (but inside of types that contain themselves), without noise."""
    definitions = schema.get(DEFINITIONS, {})
    looping = {name for name in definitions if _reaches(name, name, definitions)}
    if "$ref" in schema:
        # A request's root must be an object, not a reference to one.
        schema = _definition(schema, definitions) | {
            key: value for key, value in schema.items() if key != "$ref"
        }
    made = _inline({key: schema[key] for key in schema if key != DEFINITIONS}, definitions, looping)
    used = _used(made, definitions, looping)
    return made | ({DEFINITIONS: used} if used else {})


def arguments_object(parameters: Iterable[tuple[str, Schema, bool, Any]]) -> Schema:
    """The schema of an object from (name, schema, is required, default in JSON's types).

    A default that is no JSON value is not shown. Raises ToolSchemaError where two different types
    that contain themselves have one name.
    """
    properties: dict[str, Schema] = {}
    required: list[str] = []
    definitions: dict[str, Schema] = {}
    for name, schema, is_required, default in parameters:
        for known, definition in schema.get(DEFINITIONS, {}).items():
            if definitions.setdefault(known, definition) != definition:
                raise ToolSchemaError(f"two different types have the name '{known}': rename one")
        properties[name] = {key: schema[key] for key in schema if key != DEFINITIONS}
        if is_required:
            required.append(name)
        elif _is_json(default):
            properties[name]["default"] = default
    made = {"type": "object", "properties": properties, "required": required}
    return made | ({DEFINITIONS: definitions} if definitions else {})


def make_strict(schema: Schema) -> Schema | None:
    """OpenAI's strict form: nothing is optional, what had a default may be null, no other keys.

    None where the schema allows what that form can't say.
    """
    try:
        return _strict(schema)
    except _CantBeStrict:
        return None


def allows_null(schema: Schema) -> bool:
    """Whether null is a value of this schema."""
    kind = schema.get("type")
    return (
        not (schema.keys() - {"description", "default"})
        or kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or ("const" in schema and schema["const"] is None)
        or None in schema.get("enum", ())
        or any(allows_null(one) for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())))
    )


def drop_nulls(value: Any, schema: Schema) -> Any:
    """A value without the nulls that stand for a default, at any depth."""
    return _drop_nulls(value, schema, schema.get(DEFINITIONS, {}))


class _CantBeStrict(Exception):
    pass


def _reaches(start: str, wanted: str, definitions: Schema) -> bool:
    """Whether a definition contains another, however indirectly."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in _references(definitions[waiting.pop()]):
            if name == wanted:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _definition(schema: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions[_name(schema["$ref"])]
    return found


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield _name(reference)
        case dict():
            properties = node.get("properties", {})
            for value in properties.values():
                yield from _references(value)
            for key, value in node.items():
                if value is not properties and key not in VALUES:
                    yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)


def _inline(schema: Schema, definitions: Schema, looping: set[str]) -> Schema:
    rest = {key: value for key, value in schema.items() if key not in NOISE}
    if "$ref" in rest:
        if _name(rest["$ref"]) in looping:
            return {"$ref": rest["$ref"]}
        found = _definition(schema, definitions)
        del rest["$ref"]
        return _inline(found | rest, definitions, looping)
    for key, value in rest.items():
        match key, value:
            case "properties", dict():
                rest[key] = {
                    name: _inline(one, definitions, looping) for name, one in value.items()
                }
            case (("items" | "additionalProperties" | "contains" | "not"), dict()):
                rest[key] = _inline(value, definitions, looping)
            case (("anyOf" | "oneOf" | "allOf" | "prefixItems"), list()):
                rest[key] = [_inline(one, definitions, looping) for one in value]
    return _with_type(rest)


def _with_type(schema: Schema) -> Schema:
    """Choices of text with their type: some models want it."""
    choices = schema.get("enum")
    if "type" in schema or not choices or not all(isinstance(one, str) for one in choices):
        return schema
    return {"type": "string", **schema}


def _used(schema: Schema, definitions: Schema, looping: set[str]) -> Schema:
    """The definitions that are still referred to, themselves made plain."""
    made: Schema = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in made:
            made[name] = _inline(definitions[name], definitions, looping)
            waiting.extend(_references(made[name]))
    return made


def _is_json(value: Any) -> bool:
    match value:
        case None | bool() | int() | float() | str():
            return True
        case list():
            return all(_is_json(one) for one in value)
        case dict():
            return all(isinstance(key, str) and _is_json(one) for key, one in value.items())
    return False


def _strict(schema: Schema) -> Schema:
    if any(key in schema for key in NOT_STRICT) or not (schema.keys() - {"description", "default"}):
        raise _CantBeStrict
    made = {key: value for key, value in schema.items() if key != "default"}
    if made.get("type") == "object":
        made |= _strict_object(made)
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if "anyOf" in made:
        made["anyOf"] = [_strict(one) for one in made["anyOf"]]
    if isinstance(made.get("items"), dict):
        made["items"] = _strict(made["items"])
    if DEFINITIONS in made:
        made[DEFINITIONS] = {name: _strict(one) for name, one in made[DEFINITIONS].items()}
    return made


def _strict_object(schema: Schema) -> Schema:
    if schema.get("additionalProperties") or "properties" not in schema:
        raise _CantBeStrict
    required = schema.get("required", [])
    properties = {
        name: _strict(one) if name in required else _nullable(_strict(one))
        for name, one in schema["properties"].items()
    }
    return {
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(schema: Schema) -> Schema:
    if allows_null(schema):
        return schema
    kind = schema.get("type")
    if kind in ("string", "integer", "number", "boolean") and "const" not in schema:
        choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return schema | {"type": [kind, "null"]} | choices
    described = {key: schema[key] for key in ("description",) if key in schema}
    inner = {key: value for key, value in schema.items() if key not in described}
    return described | {"anyOf": [inner, {"type": "null"}]}


def _drop_nulls(value: Any, schema: Schema, definitions: Schema) -> Any:
    if isinstance(value, dict):
        found = _object_schema(value, schema, definitions)
        return value if found is None else _drop_in_object(value, found, definitions)
    if isinstance(value, list):
        items = _array_items(schema, definitions)
        return [_drop_nulls(one, items, definitions) for one in value] if items else value
    return value


def _drop_in_object(value: dict[str, Any], schema: Schema, definitions: Schema) -> dict[str, Any]:
    properties, required = schema["properties"], schema.get("required", ())
    return {
        name: _drop_nulls(one, properties.get(name, {}), definitions)
        for name, one in value.items()
        if one is not None or name in required or allows_null(properties.get(name, {}))
    }


def _branches(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """The schema, or each of those that it leaves a choice of."""
    if "$ref" in schema:
        schema = _definition(schema, definitions)
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if not choices:
        yield schema
    for choice in choices:
        yield from _branches(choice, definitions)


def _object_schema(value: dict[str, Any], schema: Schema, definitions: Schema) -> Schema | None:
    """Of several kinds of objects the one whose tag the value has, or whose keys it has."""
    kinds = [one for one in _branches(schema, definitions) if "properties" in one]
    if len(kinds) == 1:
        return kinds[0]
    return next((one for one in kinds if _fits(value, one)), None)


def _fits(value: dict[str, Any], schema: Schema) -> bool:
    for name, one in schema["properties"].items():
        choices = [one["const"]] if "const" in one else one.get("enum")
        if choices is not None and name in value and value[name] not in (*choices, None):
            return False
    return value.keys() <= schema["properties"].keys() and all(
        name in value for name in schema.get("required", ())
    )


def _array_items(schema: Schema, definitions: Schema) -> Schema | None:
    for one in _branches(schema, definitions):
        if isinstance(one.get("items"), dict):
            items: Schema = one["items"]
            return items
    return None
