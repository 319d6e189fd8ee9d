"""The last line of defence: keys and tokens are masked in all text that leaves a process.

What must not be told is kept out by construction first (a `repr` that leaves the secret out,
frames instead of arguments). This catches the rest: the text of an error of somebody else's
library, a line that the app prints. Known values are found by plain search, tokens and
passwords in addresses by their form.

One memory for each process, and its only state is what it knows; a forked child inherits it.
"""

from __future__ import annotations

import json
import re
import threading
from urllib.parse import quote

MASK = "***"

MIN_LENGTH = 8
"""Shorter values are not masked: they are words of the language, or of a developer's setup."""

MIN_LINE = 16
"""Of a secret of several lines (a private key), each line of so many characters is one too."""

_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
_BEARER = re.compile(r"\b(bearer(?:\s+|%20))[\w.~+/=-]{16,}", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"(authorization[\\\"']*\s*[:=,]\s*b?[\\\"']*(?:\w+\s+)?)[\w.~+/=-]{8,}", re.IGNORECASE
)
_PARAMETER = re.compile(
    r"([?&](?:access_token|api_key|apikey|api-key|token|key|secret)=)[^&\s\"'<>\\]+", re.IGNORECASE
)
_PASSWORD = re.compile(r"(://[^/@\s:\"'\\]*:)[^/@\s\"'\\]+@")
_KEY = re.compile(r"\bsk-[\w-]{16,}")


class Memory:
    """What must not be told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()

    def remember(self, secret: str) -> None:
        """Mask this from now on, unless it is too short. Any thread may; may be repeated."""
        secret = secret.strip()
        if len(secret) < MIN_LENGTH or secret in self._secrets:
            return
        with self._lock:
            self._secrets.add(secret)
            forms = {*self._forms, *_forms(secret)}
            # The longest first: one secret may be the beginning of another.
            self._forms = tuple(sorted(forms, key=len, reverse=True))
            self._bytes = tuple(form.encode("utf-8", "backslashreplace") for form in self._forms)

    def masked(self, text: str) -> str:
        """The text with every secret in it replaced by `MASK`."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return _masked_by_form(text)

    def blotted(self, data: bytes) -> bytes:
        """A document with every known secret in it overwritten by as many asterisks.

        Its length stays, so that what is encoded can still be decoded.
        """
        for form in self._bytes:
            if form in data:
                data = data.replace(form, b"*" * len(form))
        return data


def _forms(secret: str) -> set[str]:
    """How a secret may stand in a text: as it is, in a repr, JSON, an address, line by line.

    For most they are all the same.
    """
    lines = [line.strip() for line in secret.splitlines()]
    known = {secret, *(line for line in lines if _tells(line))}
    known |= {repr(text)[1:-1] for text in known}
    escaped = {
        json.dumps(text, ensure_ascii=plain)[1:-1] for text in known for plain in (False, True)
    }
    return known | escaped | {quote(text, safe="", errors="replace") for text in known}


def _tells(line: str) -> bool:
    return len(line) >= MIN_LINE and not line.startswith("-----")


def _masked_by_form(text: str) -> str:
    # Each pattern has a part that is looked for first: nearly all text has none of them.
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "sk-" in text:
        text = _KEY.sub(MASK, text)
    if "=" in text and ("?" in text or "&" in text):
        text = _PARAMETER.sub(rf"\1{MASK}", text)
    if "@" in text and "://" in text:
        text = _PASSWORD.sub(rf"\1{MASK}@", text)
    if "earer" in text:
        text = _BEARER.sub(rf"\1{MASK}", text)
    if "uthorization" in text:
        text = _AUTHORIZATION.sub(rf"\1{MASK}", text)
    return text


_MEMORY = Memory()

remember = _MEMORY.remember
masked = _MEMORY.masked
blotted = _MEMORY.blotted
