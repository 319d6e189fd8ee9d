"""Text without emoji, while it is being written."""

from __future__ import annotations

import re

PICTURES = (
    "\U0001f000-\U0001f0ff"  # tiles and cards
    "\U0001f18e\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f200-\U0001f2ff"  # signs, flags
    "\U0001f300-\U0001faff"  # pictographs, faces, things
    "\u231a\u231b\u2328\u23cf\u23e9-\u23fa"  # clocks, keys of a player
    "\u25fb-\u25fe\u2600-\u275a\u275f-\u27be"  # symbols and ornaments, but for quotation marks
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3297\u3299"
)
PARTS = "\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
"""What joins emoji or changes their look, and means something else in other places."""

EMOJI = re.compile(f"[{PICTURES}][{PICTURES}{PARTS}]*|[\ufe0f\u20e3]")
PARTS_ONLY = re.compile(f"[{PARTS}]+")


class EmojiFilter:
    """Leaves out emoji, however many characters they consist of; of a keycap it keeps the digit."""

    def __init__(self) -> None:
        self._after_emoji = False

    def push(self, text: str) -> str:
        """Take the next piece; the same without emoji."""
        if self._after_emoji and (parts := PARTS_ONLY.match(text)):
            text = text[parts.end() :]
            if not text:
                return ""
        if text:
            *_, last = [0, *(match.end() for match in EMOJI.finditer(text))]
            self._after_emoji = last == len(text)
        return EMOJI.sub("", text)

    def flush(self) -> str:
        """The text is complete; nothing is ever held back."""
        self._after_emoji = False
        return ""
