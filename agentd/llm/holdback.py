"""Text that is handed out by whole sentences, so that another model can take over between two."""

from __future__ import annotations

import re
from collections.abc import Sequence

SENTENCE = re.compile(r".*?(?:[.!?…][\"')\]]*(?=\s)|[。！？\n])\s*", re.DOTALL)  # noqa: RUF001

MAX_HELD_CHARS = 500
"""Text without an end of a sentence that is handed out all the same."""


class Sentences:
    """Takes pieces of a reply and gives its whole sentences, those already said left out.

    What was said is skipped only while the reply repeats it from its start.
    """

    def __init__(self, already_said: Sequence[str] = ()) -> None:
        self._repeats = [_essence(sentence) for sentence in already_said]
        self._held = ""
        self.said = list(already_said)
        """The sentences handed out, of this reply and those before."""

    def push(self, text: str) -> str:
        """Take a piece; the sentences that are now whole, maybe none."""
        self._held += text
        ready = ""
        while found := SENTENCE.match(self._held):
            self._held = self._held[found.end() :]
            ready += self._new(found[0])
        if len(self._held) > MAX_HELD_CHARS:
            ready += self.flush()
        return ready

    def flush(self) -> str:
        """The rest, as the reply is over."""
        rest, self._held = self._held, ""
        return self._new(rest) if rest else ""

    def _new(self, sentence: str) -> str:
        if self._repeats and self._repeats[0] == _essence(sentence):
            del self._repeats[0]
            return ""
        self._repeats = []
        self.said.append(sentence)
        return sentence


def _essence(sentence: str) -> str:
    return " ".join(sentence.lower().split())
