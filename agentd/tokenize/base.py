"""What a tokenizer is: text in, pieces of it out, with their places.

A stream is pure: what it is given it answers with the pieces that are complete by now. Nothing
waits, and nothing has to be closed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct


class TokenData(Struct, frozen=True, kw_only=True):
    """A piece of a text: `text[start:end]` is `token`."""

    token: str
    start: int
    """In characters since the start of the text, or of the stream."""
    end: int
    segment_id: str = ""
    """Counted up by each flush of a stream."""


class TokenStream(ABC):
    """Cuts a text that is still being written."""

    @abstractmethod
    def push_text(self, text: str) -> list[TokenData]:
        """Take the next characters, cut anywhere; the pieces that are certain by now."""

    @abstractmethod
    def flush(self) -> list[TokenData]:
        """The text is complete so far: the rest of it. More may be pushed after."""

    def end_input(self) -> list[TokenData]:
        """The text is complete for good: the rest of it."""
        return self.flush()


class Tokenizer(ABC):
    """Cuts texts. Holds no text, so one may be shared."""

    @abstractmethod
    def stream(self) -> TokenStream:
        """Begin with a new text."""

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a whole text."""
        return [piece.token for piece in self.tokenize_with_places(text)]

    def tokenize_with_places(self, text: str) -> list[TokenData]:
        """The same, with where each piece stands."""
        stream = self.stream()
        return [*stream.push_text(text), *stream.flush()]


class SentenceTokenizer(Tokenizer):
    """Cuts into sentences."""


class WordTokenizer(Tokenizer):
    """Cuts into words."""


SentenceStream = TokenStream
WordStream = TokenStream
