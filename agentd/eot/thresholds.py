"""Which threshold counts for a language: pure."""

from __future__ import annotations

from collections.abc import Mapping

from agentd.language import LanguageCode


def threshold_of(language: str, thresholds: Mapping[str, float], *, default: float) -> float | None:
    """That of the language with its region, else of the language; None for one not in the table.

    `default` counts where the language is not known.
    """
    if not language:
        return default
    code = LanguageCode(language)
    return thresholds.get(code, thresholds.get(code.language))
