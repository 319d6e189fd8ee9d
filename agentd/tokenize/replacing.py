"""One word for another, while the text is being written."""

from __future__ import annotations

import re
from collections.abc import Mapping

LETTER = r"[^\W\u2e80-\u9fff\uac00-\ud7af]"
"""A letter or digit of a script with blanks between words."""


class Replacer:
    """Puts other words for some: for how a name is spoken, say, or what must not be.

    Whole words: 'art' is not found in 'start'. Where several begin at one place the longest counts,
    and what was put in is not looked through again. Raises ValueError for an empty word.
    """

    def __init__(self, replacements: Mapping[str, str], *, case_sensitive: bool = False) -> None:
        if not all(replacements):
            raise ValueError("an empty text can't be replaced")
        self._fold = str if case_sensitive else str.lower
        self._replacements = {self._fold(key): value for key, value in replacements.items()}
        self._pattern = re.compile(
            "|".join(_whole(key) for key in sorted(replacements, key=len, reverse=True)) or r"(?!)",
            0 if case_sensitive else re.IGNORECASE,
        )
        self._longest = max((len(key) for key in replacements), default=0)
        self._held = ""
        self._before = ""
        """The character before what is held."""

    def push(self, text: str) -> str:
        """Take the next piece; what is certain by now."""
        self._held += text
        return self._replace(len(self._held) - self._open())

    def flush(self) -> str:
        """The text is complete: the rest of it."""
        rest = self._replace(len(self._held))
        self._before = ""
        return rest

    def _replace(self, until: int) -> str:
        """Of what is held the part up to a place, where nothing that is replaced goes across."""
        text, shift = self._before + self._held, len(self._before)
        done, parts = shift, []
        for match in self._pattern.finditer(text, shift):
            if match.start() >= until + shift:
                break
            # A pattern without case knows a few letters as equal that folding does not.
            value = self._replacements.get(self._fold(match[0]), match[0])
            parts += [text[done : match.start()], value]
            done = match.end()
        end = max(done, until + shift)
        parts.append(text[done:end])
        self._held = text[end:]
        self._before = text[end - 1 : end] if end else ""
        return "".join(parts)

    def _open(self) -> int:
        """How many characters at the end may be the beginning of something that is replaced.

        A word that is complete counts too: a letter that follows would make it another one.
        """
        for count in range(min(self._longest, len(self._held)), 0, -1):
            end = self._fold(self._held[-count:])
            if any(key.startswith(end) for key in self._replacements):
                return count
        return 0


def _whole(key: str) -> str:
    """A pattern for a text that is not part of a longer word."""
    before = rf"(?<!{LETTER})" if re.match(LETTER, key[0]) else ""
    after = rf"(?!{LETTER})" if re.match(LETTER, key[-1]) else ""
    return f"{before}{re.escape(key)}{after}"
