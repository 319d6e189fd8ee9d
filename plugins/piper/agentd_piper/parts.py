"""What Piper is given at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentd.tokenize import basic

LONG = 60
"""Characters of a sentence from which its first clause is spoken on its own."""
CLAUSE = re.compile(r"(?s:.{20,}?)[,;:–—]\s+(?=\S.{14})")  # noqa: RUF001 - dashes are what is meant
"""A clause worth a breath, with as much after it."""

_sentences = basic.SentenceTokenizer()


def spoken_parts(text: str) -> Iterator[str]:
    """A text in the parts that are spoken one after the other, the first one short.

    Piper computes a part as a whole, in time to its length, so the listener waits for the first.
    """
    first, *others = _sentences.tokenize(text) or [""]
    clause = CLAUSE.match(first) if len(first) >= LONG else None
    if clause is not None:
        yield clause[0].rstrip()
        first = first[clause.end() :]
    yield first
    yield from others
