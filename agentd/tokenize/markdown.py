"""Markdown into what it says, while it is being written."""

from __future__ import annotations

import re
from typing import TypeAlias

LINE_START = re.compile(r"[^\S\n]*(?:#{1,6}[^\S\n]+|[-+*•][^\S\n]+|>[^\S\n]*)")
"""What makes a heading, an item of a list, or a quotation."""
RULE = re.compile(r"[^\S\n]*([-*_])\1{2,}[^\S\n]*(?=\n|$)")
"""A line across the page."""
MAYBE_START = re.compile(r"[^\S\n]*(?:#{1,6}|[+•>]|-+|\*+|_+)?[^\S\n]*")
"""The beginning of a line that may become one of these."""

SPECIAL = re.compile(r"[*_`~!\[\n]")
EMPHASIS = re.compile(r"([*_])\1{0,2}")
BACKTICKS = re.compile(r"`+")
STRUCK = re.compile(r"~~(?!\s)[^~\n]*~~")
LINK = re.compile(r"\[([^\]\n]*)\]\(")
BRACKETS = re.compile(r"\[[^\]\n]*\]?")

FENCE = 3
"""Backticks that begin a block of code."""
MAX_HELD = 300
"""Characters that are held back for the end of something; then they are taken as they stand."""

Step: TypeAlias = tuple[int, str] | None
"""How many characters are done, and what of them is to be read; None to wait for more."""


class MarkdownFilter:
    """Leaves out the marks of Markdown, and keeps the words.

    Headings, lists, quotations, emphasis, links, pictures, code: of each what is to be read. What
    was struck out goes. Only as much is held back as must be known of a mark: a character or two,
    of a link its text, and what may be struck out.
    """

    def __init__(self) -> None:
        self._held = ""
        self._reset()

    def _reset(self) -> None:
        self._before = "\n"
        """The character before what is held."""
        self._line_begins = True
        self._emphasis: list[str] = []
        """Marks that are to be closed, the innermost last."""
        self._code = ""
        """The backticks that will end the code we are in."""
        self._skipping = ""
        """What is dropped goes up to one of these: a link's address, a language's name."""

    def push(self, text: str) -> str:
        """Take the next piece; what can be read by now."""
        self._held += text
        return self._read(complete=False)

    def flush(self) -> str:
        """The text is complete: the rest of it. What is pushed after is a new text."""
        rest = self._read(complete=True)
        self._reset()
        return rest

    def _read(self, *, complete: bool) -> str:
        read: list[str] = []
        while self._held:
            step = self._step(complete=complete or len(self._held) > MAX_HELD)
            if step is None:
                break
            done, kept = step
            self._before = self._held[done - 1]
            self._held = self._held[done:]
            read.append(kept)
        return "".join(read)

    def _step(self, *, complete: bool) -> Step:
        if self._skipping:
            return self._skip()
        if self._code:
            return self._read_code(complete)
        if self._line_begins:
            if MAYBE_START.fullmatch(self._held) and not complete:
                return None
            if found := RULE.match(self._held) or LINE_START.match(self._held):
                return found.end(), ""
            self._line_begins = False
        special = SPECIAL.search(self._held)
        if special is None:
            return len(self._held), self._held
        if special.start():
            return special.start(), self._held[: special.start()]
        return self._read_mark(complete)

    def _skip(self) -> Step:
        for place, character in enumerate(self._held):
            if character in self._skipping or character == "\n":
                done = place if character.isspace() else place + 1
                self._skipping = ""
                return (done, "") if done else self._step(complete=False)
        return len(self._held), ""

    def _read_code(self, complete: bool) -> Step:
        until = re.search(r"`+" if len(self._code) >= FENCE else r"`+|\n", self._held)
        if until is None:
            return len(self._held), self._held
        if until.start():
            return until.start(), self._held[: until.start()]
        if until.end() == len(self._held) and not complete and until[0] != "\n":
            return None
        if until[0] in (self._code, "\n"):
            self._code = ""
            # A line's end is read as one, outside of the code.
            return (until.end(), "") if until[0] != "\n" else self._step(complete=complete)
        return until.end(), until[0]

    def _read_mark(self, complete: bool) -> Step:
        match self._held[0]:
            case "\n":
                self._line_begins = True
                self._emphasis.clear()
                return 1, "\n"
            case "`":
                return self._begin_code(complete)
            case "~":
                return self._read_struck(complete)
            case "[":
                return self._read_link(complete)
            case "!":
                return self._read_exclamation(complete)
            case _:
                return self._read_emphasis(complete)

    def _begin_code(self, complete: bool) -> Step:
        backticks = BACKTICKS.match(self._held)
        assert backticks is not None
        if backticks.end() == len(self._held) and not complete:
            return None
        self._code = backticks[0]
        if len(self._code) >= FENCE:
            self._skipping = "\n"
        return backticks.end(), ""

    def _read_struck(self, complete: bool) -> Step:
        if struck := STRUCK.match(self._held):
            return struck.end(), ""
        may_be = self._held == "~" or re.fullmatch(r"~~(?!\s)[^~\n]*~?", self._held)
        if may_be and not complete:
            return None
        return 1, "~"

    def _read_link(self, complete: bool) -> Step:
        if link := LINK.match(self._held):
            self._skipping = ") "
            return link.end(), re.sub(r"[*_`]", "", link[1])
        if BRACKETS.fullmatch(self._held) and not complete:
            return None
        return 1, "["

    def _read_exclamation(self, complete: bool) -> Step:
        if LINK.match(self._held, 1):
            return 1, ""  # a picture: what follows is read as a link
        rest = self._held[1:]
        may_be = not rest or BRACKETS.fullmatch(rest)
        return None if may_be and not complete else (1, "!")

    def _read_emphasis(self, complete: bool) -> Step:
        run = EMPHASIS.match(self._held)
        assert run is not None
        after = self._held[run.end() : run.end() + 1]
        if not after and not complete:
            return None
        if self._closes(run[1], after):
            self._close(run[0])
            return run.end(), ""
        if after and not after.isspace() and not self._before.isalnum():
            self._emphasis.append(run[0])
            return run.end(), ""
        return run.end(), run[0]

    def _closes(self, mark: str, after: str) -> bool:
        if self._before.isspace() or not any(mark in opened for opened in self._emphasis):
            return False
        return mark == "*" or not after.isalnum()

    def _close(self, run: str) -> None:
        left = len(run)
        while left > 0 and self._emphasis:
            left -= len(self._emphasis.pop())
