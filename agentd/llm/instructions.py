"""What an agent is told to be: one text, with what holds for speech or for text only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

logger = logging.getLogger("agentd.llm")

PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")

Modality: TypeAlias = Literal["audio", "text"]
"""How the user's turn came in: spoken or written."""


class Instructions(Struct, frozen=True, tag="instructions", tag_field="type"):
    """A common text, additions for one modality, and what changes from call to call.

    Each part may have placeholders such as `{name}`, which `render` fills.
    """

    type: ClassVar[Literal["instructions"]] = "instructions"

    common: str = ""
    audio: str | None = None
    """Added when the user speaks."""
    text: str | None = None
    """Added when the user writes."""
    dynamic: str | None = None
    """Last, so that a provider can cache what comes before: the time, the caller's number."""

    def render(
        self, *, modality: Modality | None = None, data: Mapping[str, object] | None = None
    ) -> str:
        """The whole text. With `data` its placeholders are filled; unknown ones become empty."""
        parts = [self.render_static(modality=modality)]
        if self.dynamic:
            parts.append(self.dynamic)
        text = "\n".join(part for part in parts if part)
        return text if data is None else _fill(text, data)

    def render_static(self, *, modality: Modality | None = None) -> str:
        """The text without its dynamic part, placeholders as they are."""
        addition = {"audio": self.audio, "text": self.text}.get(modality or "")
        text = "\n\n".join(part for part in (self.common, addition) if part)
        return text or self.text or self.audio or ""

    @staticmethod
    def resolve_template(template: str, **values: object) -> Instructions:
        """Instructions from a template, where a value may be Instructions itself.

        If one of them has something for a modality, so has the result, and nothing in common.
        """
        given = [value for value in values.values() if isinstance(value, Instructions)]
        if not any(value.audio or value.text for value in given):
            return Instructions(_fill(template, values))
        return Instructions(
            audio=_fill(template, _rendered(values, "audio")),
            text=_fill(template, _rendered(values, "text")),
        )

    def __str__(self) -> str:
        return self.render()


def _rendered(values: Mapping[str, object], modality: Modality) -> dict[str, object]:
    return {
        name: value.render_static(modality=modality) if isinstance(value, Instructions) else value
        for name, value in values.items()
    }


def _fill(template: str, data: Mapping[str, object]) -> str:
    """Fill the placeholders; other braces, as of JSON in the text, stay as they are."""
    return PLACEHOLDER.sub(lambda found: _value(found[1], data), template)


def _value(name: str, data: Mapping[str, object]) -> str:
    if name not in data:
        logger.warning(
            "a placeholder of the instructions has no value: it is left empty",
            extra={"action": "placeholder_unknown", "placeholder": name},
        )
        return ""
    return str(data[name])
