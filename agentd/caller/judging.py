"""Whether an answer is what was expected. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from .script import Expect, words


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a turn."""

    text: str = ""
    """What the agent said, by its transcript."""
    heard: str = ""
    """What it has understood, by the same."""
    latency: float | None = None
    """Seconds from the end of the turn to the answer's first sound, or first word where it has
    none; None where there was no answer."""
    sounded: bool = False
    """Whether it was heard, and not only read."""
    left: bool = False
    """Whether the agent left the room."""


class Verdict(Struct, frozen=True, kw_only=True):
    """One expectation, and whether it was met."""

    expected: str
    met: bool
    found: str = ""
    """What was there instead."""


def judge(expect: Expect | None, answer: Answer) -> list[Verdict]:
    """Each expectation; without any an answer is expected."""
    if expect is None:
        return [_answered(answer)]
    verdicts = []
    if expect.silent is not None:
        silent = answer.latency is None
        found = "" if silent else f"it said: {answer.text or '(a sound)'}"
        verdicts.append(
            Verdict(expected=f"silent for {expect.silent:g} s", met=silent, found=found)
        )
    elif not expect.hang_up or expect.contains or expect.regex or expect.within is not None:
        verdicts.append(_answered(answer))
    verdicts += [
        _says(f"says '{wanted}'", wanted.lower() in answer.text.lower(), answer)
        for wanted in words(expect.contains)
    ]
    verdicts += [
        _says(f"does not say '{unwanted}'", unwanted.lower() not in answer.text.lower(), answer)
        for unwanted in words(expect.lacks)
    ]
    if expect.regex:
        met = re.search(expect.regex, answer.text, re.IGNORECASE) is not None
        verdicts.append(_says(f"says /{expect.regex}/", met, answer))
    for wanted in words(expect.heard):
        met = wanted.lower() in answer.heard.lower()
        found = "" if met else f"it understood: {answer.heard or '(nothing)'}"
        verdicts.append(Verdict(expected=f"understands '{wanted}'", met=met, found=found))
    if expect.within is not None and answer.latency is not None:
        met = answer.latency <= expect.within
        expected = f"answers within {expect.within:g} s"
        verdicts.append(
            Verdict(expected=expected, met=met, found="" if met else f"{answer.latency:.2f} s")
        )
    if expect.hang_up:
        found = "" if answer.left else "it is still there"
        verdicts.append(Verdict(expected="hangs up", met=answer.left, found=found))
    return verdicts


def _answered(answer: Answer) -> Verdict:
    met = answer.latency is not None
    return Verdict(expected="answers", met=met, found="" if met else "no answer")


def _says(expected: str, met: bool, answer: Answer) -> Verdict:
    if met:
        return Verdict(expected=expected, met=True)
    found = f"it said: {answer.text}" if answer.text else "no transcript of what it says"
    return Verdict(expected=expected, met=False, found=found)
