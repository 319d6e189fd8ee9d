"""What a check says: a verdict, what was seen, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from agentd.masking import masked

Verdict = Literal["ok", "skipped", "warning", "failure"]

SEVERITY: dict[Verdict, int] = {"skipped": 0, "ok": 1, "warning": 2, "failure": 3}

MAX_EVIDENCE_CHARS = 1000
"""Of an error of somebody else's, for instance; the rest is in its own log."""


class Finding(Struct, frozen=True, kw_only=True):
    """What a check has come to."""

    verdict: Verdict
    evidence: str
    """What was seen, with figures."""
    remedy: str = ""
    """A command, or a line to change; empty where nothing is to be done."""


class CheckReport(Struct, frozen=True, kw_only=True):
    """A finding, and of which check."""

    id: str
    group: str
    looks_at: str
    verdict: Verdict
    evidence: str
    remedy: str = ""
    seconds: float = 0.0
    fixed: str = ""
    """What `--fix` did; the verdict is that of the second look."""


class Report(Struct, frozen=True, kw_only=True):
    """A whole examination."""

    verdict: Verdict
    """The worst of all."""
    seconds: float
    version: str
    checks: tuple[CheckReport, ...]


class Unexaminable(Exception):
    """A check has nothing to look at; the text says why."""


def ok(evidence: str) -> Finding:
    """All is as it should be."""
    return Finding(verdict="ok", evidence=evidence)


def skipped(why: str, remedy: str = "") -> Finding:
    """Not looked at."""
    return Finding(verdict="skipped", evidence=why, remedy=remedy)


def warning(evidence: str, remedy: str) -> Finding:
    """It works, and may not work one day, or not well."""
    return Finding(verdict="warning", evidence=evidence, remedy=remedy)


def failure(evidence: str, remedy: str) -> Finding:
    """A daemon does not start, or calls fail."""
    return Finding(verdict="failure", evidence=evidence, remedy=remedy)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of several; `ok` where nothing was looked at."""
    return max(verdicts, key=SEVERITY.__getitem__, default="ok")


def verdict_of(checks: Iterable[CheckReport]) -> Verdict:
    """Of a whole examination: what was skipped does not count."""
    return worst(check.verdict for check in checks if check.verdict != "skipped")


def gravest(findings: Iterable[Finding]) -> Finding:
    """Several as one: the worst verdict, with evidence and remedies of all that have it."""
    found = list(findings)
    verdict = worst(each.verdict for each in found)
    chosen = [each for each in found if each.verdict == verdict]
    return Finding(
        verdict=verdict,
        evidence="; ".join(each.evidence for each in chosen if each.evidence),
        remedy="; ".join(dict.fromkeys(each.remedy for each in chosen if each.remedy)),
    )


def shown(text: str) -> str:
    """A text for people: secrets masked, on one line, and not endless."""
    line = " ".join(masked(text).split())
    return line if len(line) <= MAX_EVIDENCE_CHARS else f"{line[:MAX_EVIDENCE_CHARS]}…"
