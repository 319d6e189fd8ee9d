"""How far what was understood is from what was said, in words."""

from __future__ import annotations

import re

TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}


def words_of(text: str) -> list[str]:
    """The words without capitals and punctuation; `cold-hearted` is two, `Mr.` is `mister`."""
    found = re.findall(r"[a-z0-9']+", text.lower())
    return [TITLES.get(word, word) for word in found]


def word_errors(understood: str, said: str) -> int:
    """The fewest words to be put in, left out or changed to make one of the other."""
    target = words_of(said)
    row = list(range(len(target) + 1))
    for done, word in enumerate(words_of(understood), start=1):
        diagonal, row[0] = row[0], done
        for place, wanted in enumerate(target, start=1):
            cost = min(row[place] + 1, row[place - 1] + 1, diagonal + (word != wanted))
            diagonal, row[place] = row[place], cost
    return row[-1]


def word_error_rate(pairs: list[tuple[str, str]]) -> float:
    """Errors over words, of several pairs of what was understood and what was said."""
    errors = sum(word_errors(understood, said) for understood, said in pairs)
    return errors / sum(len(words_of(said)) for _, said in pairs)
