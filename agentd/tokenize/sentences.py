"""Sentences of a text, also while it is being written."""

from __future__ import annotations

import re

from .base import SentenceTokenizer as BaseSentenceTokenizer
from .base import TokenData, TokenStream
from .endings import MARK, Verdict, judge

MIN_SENTENCE = 20
"""Characters: a shorter one is spoken together with the next, which sounds better."""
STREAM_CONTEXT = 10
"""Characters after a mark that are waited for, at most, where they may change what it is."""
MAX_SENTENCE = 500
"""Characters: a longer one is cut where it hurts least, since somebody waits for it."""

RESCANNED = 32
"""Characters at the end of the text that are looked at again when more has come."""

PAUSES = (re.compile(r"[,;:–—，、；：][\s\"'”’)]*"), re.compile(r"\s+"))
"""Where a sentence that is too long is cut, the better places first."""


class SentenceTokenizer(BaseSentenceTokenizer):
    """Cuts at the ends of sentences, of most languages with Latin, Cyrillic or CJK letters.

    Abbreviations, initials, decimals, addresses, quotations and lists are known for what they are.
    `retain_format` keeps the blanks around a sentence, so that all pieces together are the text.
    """

    def __init__(
        self,
        *,
        min_sentence_len: int = MIN_SENTENCE,
        stream_context_len: int = STREAM_CONTEXT,
        retain_format: bool = False,
    ) -> None:
        self._min_length = min_sentence_len
        self._context = stream_context_len
        self._retain_format = retain_format

    def stream(self) -> SentenceStream:
        """See Tokenizer."""
        return SentenceStream(
            min_length=self._min_length, context=self._context, retain_format=self._retain_format
        )


class SentenceStream(TokenStream):
    """Gives a sentence as soon as its end is certain, which mostly is with the blank after it."""

    def __init__(self, *, min_length: int, context: int, retain_format: bool) -> None:
        self._min_length = min_length
        self._context = context
        self._retain_format = retain_format
        self._text = ""
        """What is not given out yet."""
        self._place = 0
        """Of its first character in all that was pushed."""
        self._scanned = 0
        self._segment = 1

    def push_text(self, text: str) -> list[TokenData]:
        """See TokenStream."""
        self._text += text
        return self._cut(complete=False)

    def flush(self) -> list[TokenData]:
        """See TokenStream."""
        tokens = self._cut(complete=True)
        if self._text:
            tokens += self._token(0, len(self._text))
        self._drop(len(self._text))
        self._segment += 1
        return tokens

    def _cut(self, *, complete: bool) -> list[TokenData]:
        text, begin, tokens = self._text, 0, []
        scanned = len(text) - RESCANNED
        for mark in MARK.finditer(text, self._scanned):
            verdict = judge(text, begin, mark, complete=complete, context=self._context)
            if verdict is Verdict.OPEN:
                scanned = min(scanned, mark.start())
                break
            length = len(text[begin : mark.end()].strip())
            if verdict is Verdict.ENDS and length >= max(1, self._min_length):
                for end in [*self._pauses(begin, mark.end()), mark.end()]:
                    tokens += self._token(begin, end)
                    begin = end
        for end in self._pauses(begin, len(text)):
            tokens += self._token(begin, end)
            begin = end
        self._scanned = max(scanned, begin)
        self._drop(begin)
        return tokens

    def _pauses(self, begin: int, end: int) -> list[int]:
        """Where the text between two places is cut because it is too long."""
        cuts: list[int] = []
        while end - begin > MAX_SENTENCE:
            begin = self._pause(begin, begin + MAX_SENTENCE)
            cuts.append(begin)
        return cuts

    def _pause(self, begin: int, end: int) -> int:
        for pattern in PAUSES:
            found = [match.end() for match in pattern.finditer(self._text, begin, end)]
            if found and found[-1] - begin >= self._min_length:
                return found[-1]
        return end

    def _token(self, begin: int, end: int) -> list[TokenData]:
        piece = self._text[begin:end]
        if not self._retain_format:
            if not piece.strip():
                return []
            begin += len(piece) - len(piece.lstrip())
            piece = piece.strip()
        start = self._place + begin
        segment = str(self._segment)
        return [TokenData(token=piece, start=start, end=start + len(piece), segment_id=segment)]

    def _drop(self, count: int) -> None:
        self._text = self._text[count:]
        self._place += count
        self._scanned = max(0, self._scanned - count)
