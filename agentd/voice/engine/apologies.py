"""What the user is told while a model's service is out: by a clip, by the voice, in writing.

It is about the session, not part of the conversation: it is not in the history, so the model does
not find words there that it never said, and what the user has asked stays the last word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol

from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.audio.frame import AudioFrame
from agentd.figures import count
from agentd.figures.families import APOLOGIES
from agentd.voice.options import OutageKind, OutageOptions
from agentd.voice.speech import SpeechHandle

logger = logging.getLogger("agentd.voice")

GOODBYE_TIMEOUT = 20.0
"""Seconds that the last words have, where a session ends since an outage has lasted too long."""


class Announce(Protocol):
    """Says something as soon as it can, and writes it; None where nobody can be told any more."""

    def __call__(
        self, text: str, *, clip: AsyncIterator[AudioFrame] | None, aloud: bool
    ) -> SpeechHandle | None: ...


class Apologies:
    """Those of one session. The user is told no more often than the options say."""

    def __init__(
        self, options: OutageOptions, announce: Announce, *, has_voice: Callable[[], bool]
    ) -> None:
        """`has_voice`: whether the TTS works, as far as is known."""
        self._options = options
        self._announce = announce
        self._has_voice = has_voice
        self._last_at = float("-inf")
        self._is_owed_an_end = False
        """Whether the user was told, and not yet that it works again."""

    def apologise(self, kind: OutageKind) -> str:
        """Tell the user, unless he was told just now; what was said, or empty."""
        text = self._text(kind)
        if now() - self._last_at < self._options.again_after:
            return ""
        if not text and self._options.audio is None:
            return ""
        self._last_at = now()
        self._is_owed_an_end = True
        count(APOLOGIES, cause="outage")
        self._say(text, clip=self._clip())
        return text

    def works_again(self, *, answered: bool) -> None:
        """All services work again. An answer tells as much as words about it would."""
        owed, self._is_owed_an_end = self._is_owed_an_end, False
        if owed and not answered and self._options.back:
            self._say(self._options.back, clip=None)

    async def goodbye(self) -> None:
        """Say that it is given up, and wait until that was heard, but not for ever."""
        if not self._options.goodbye:
            return
        last = self._say(self._options.goodbye, clip=None)
        if last is not None:
            try:
                async with asyncio.timeout(GOODBYE_TIMEOUT):
                    await last
            except TimeoutError:
                return

    def _say(self, text: str, *, clip: AsyncIterator[AudioFrame] | None) -> SpeechHandle | None:
        return self._announce(text, clip=clip, aloud=self._has_voice())

    def _clip(self) -> AsyncIterator[AudioFrame] | None:
        audio = self._options.audio
        return None if audio is None or isinstance(audio, str | Path) else _played(list(audio))

    def _text(self, kind: OutageKind) -> str:
        say = self._options.say
        if not callable(say):
            return say or ""
        try:
            return say(kind) or ""
        except Exception as error:  # noqa: BLE001 - the user's; the outage must not end the call
            logger.error(
                "what is to be said of an outage could not be asked: nothing is said",
                extra={"action": "outage_text_failed", "kind": kind, **error_fields(error)},
            )
            return ""


async def _played(frames: Sequence[AudioFrame]) -> AsyncIterator[AudioFrame]:
    for frame in frames:
        yield frame
