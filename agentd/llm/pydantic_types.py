"""Types of arguments that pydantic knows. Imported only where a user's tool or format has them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, get_args

import msgspec
from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from .argtypes import REQUIRED, Factory
from .schema import Schema, normalize


class PydanticType:
    """A type that pydantic knows; an `ArgumentType`."""

    def __init__(self, annotation: Any) -> None:
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            self._schema = normalize(self._adapter.json_schema())
        except PydanticUserError as error:
            raise TypeError(error.message) from error
        # The default is the parameter's affair.
        self._schema.pop("default", None)

    def schema(self) -> Schema:
        """See the protocol."""
        return self._schema

    def convert(self, value: Any) -> Any:
        """See the protocol."""
        try:
            return self._adapter.validate_json(msgspec.json.encode(value))
        except ValidationError as error:
            raise ValueError(_faults(error)) from error

    def encode_default(self, default: Any) -> Any:
        """See the protocol."""
        try:
            return default if default is REQUIRED else to_jsonable_python(default)
        except PydanticSerializationError:  # the function gets it all the same
            return REQUIRED


def declared_default(annotation: Any, default: Any) -> tuple[Any, Any]:
    """Annotation and default, where a `Field` stands for either."""
    if isinstance(default, FieldInfo):
        return Annotated[annotation, default], _default_of(default)
    fields = [one for one in get_args(annotation)[1:] if isinstance(one, FieldInfo)]
    return annotation, _default_of(fields[-1])


def _default_of(field: FieldInfo) -> Any:
    if field.is_required():
        return REQUIRED
    if field.default_factory is not None:
        return Factory(partial(field.get_default, call_default_factory=True, validated_data={}))
    return field.default


def _faults(error: ValidationError) -> str:
    return ", ".join(
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" if one["loc"] else one["msg"]
        for one in error.errors(include_url=False, include_input=False)
    )
