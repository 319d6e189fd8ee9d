"""What the transcription API tells, as agentd's data. Pure."""

from __future__ import annotations

import math
from typing import Any

from agentd.errors import APIConnectionError
from agentd.stt import SpeechData, TimedWord

from .errors import excerpt


def speech_data(told: Any, language: str, duration: float, label: str) -> SpeechData:
    """One utterance; raises APIConnectionError for what is no transcript.

    The SDK makes its types of whatever comes: a page of HTML, or a text that was cut off.
    """
    text = getattr(told, "text", None)
    if not isinstance(text, str):
        raise APIConnectionError(f"{label} sent no transcript: {excerpt(str(told))!r}")
    words = [
        TimedWord(text=word.word, start_time=word.start, end_time=word.end)
        for word in getattr(told, "words", None) or []
    ]
    return SpeechData(
        text=text.strip(),
        language=language or _language_of(told),
        start_time=words[0].start_time if words else 0.0,
        end_time=words[-1].end_time if words else duration,
        confidence=confidence(getattr(told, "logprobs", None)),
        words=words,
    )


def confidence(logprobs: Any) -> float:
    """How sure the model is, from 0 to 1: that of its tokens, in the geometric mean; 0 if unknown.

    Takes what the SDK makes of the service's answer.
    """
    known = [each.logprob for each in logprobs or [] if isinstance(each.logprob, int | float)]
    return math.exp(min(0.0, sum(known) / len(known))) if known else 0.0


def _language_of(told: Any) -> str:
    found = getattr(told, "language", None)
    return found if isinstance(found, str) else ""
