"""Texts with placeholders such as `{city}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def placeholders(template: str) -> list[str]:
    """The names in a template."""
    return PLACEHOLDER.findall(template)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The text; a placeholder without a value becomes empty."""
    return PLACEHOLDER.sub(lambda found: _text(values.get(found[1])), template)


def fill_arguments(templates: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a tool; one that is a mere placeholder without a value is left out."""
    return {
        name: fill(template, values) if isinstance(template, str) else template
        for name, template in templates.items()
        if not _is_missing(template, values)
    }


def _is_missing(template: Any, values: Mapping[str, Any]) -> bool:
    found = PLACEHOLDER.fullmatch(template) if isinstance(template, str) else None
    return found is not None and values.get(found[1]) is None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
