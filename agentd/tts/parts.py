"""What a model that computes a text as a whole is given at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentd.tokenize import SentenceTokenizer, basic

LONG = 60
"""Characters of the first sentence from which its first clause is spoken on its own."""
LONGEST = 120
"""Characters of any part that has a clause to cut at: what is begun can't be stopped."""

CLAUSE = re.compile(r"(?s:.{20,}?)[,;:–—]\s+(?=\S.{14})")  # noqa: RUF001 - dashes are meant
"""A clause worth a breath, with as much after it."""

_sentences = basic.SentenceTokenizer()


def spoken_parts(text: str, tokenizer: SentenceTokenizer = _sentences) -> Iterator[str]:
    """A text in the parts that are spoken one after the other, the first one short.

    The time to compute a part grows with its length, and the listener waits for the first.
    """
    limit = LONG
    for sentence in tokenizer.tokenize(text):
        for part in _clauses(sentence, limit):
            yield part
            limit = LONGEST


def _clauses(sentence: str, limit: int) -> Iterator[str]:
    """A sentence as it is, or in clauses where it is longer than a limit."""
    while len(sentence) > limit and (clause := CLAUSE.match(sentence)):
        yield clause[0].rstrip()
        sentence = sentence[clause.end() :]
        limit = LONGEST
    yield sentence
