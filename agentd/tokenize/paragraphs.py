"""Paragraphs of a whole text."""

from __future__ import annotations

import re

EMPTY_LINE = re.compile(r"\n[^\S\n]*(?:\n\s*)+")


def tokenize_paragraphs(text: str) -> list[tuple[str, int, int]]:
    """What lies between empty lines, without the blanks around it, and where it stands."""
    paragraphs = []
    begin = 0
    for end, after in [*(match.span() for match in EMPTY_LINE.finditer(text)), (len(text),) * 2]:
        piece = text[begin:end]
        if stripped := piece.strip():
            start = begin + piece.index(stripped)
            paragraphs.append((stripped, start, start + len(stripped)))
        begin = after
    return paragraphs
