"""Text that can be written down: without halves of characters, which no encoding knows. Pure.

A str may hold half of a surrogate pair, as JSON's `\\ud83d` gives it: sent to a provider, a room or
a snapshot it raises. A model that streams may cut an emoji into its halves.
"""

from __future__ import annotations

REPLACEMENT = "\ufffd"
"""Stands where half a character was."""


def clean(text: str) -> str:
    """The text with pairs joined, and other halves replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class CleanPieces:
    """A text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, piece: str) -> str:
        """The next piece, without a half that its other may follow."""
        text = self._half + piece
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return clean(text[: len(text) - len(self._half)])

    def finish(self) -> str:
        """What was held back, when no more comes."""
        half, self._half = self._half, ""
        return clean(half)
