"""Whether a sentence ends at a punctuation mark: a rule over the text around it.

Own code rather than a library: those that are well kept (pysbd, NLTK's punkt, blingfire) want the
whole text, and what a voice needs is the earliest moment at which an end is certain.
"""

from __future__ import annotations

import re
from enum import Enum

CLOSERS = "\"'”’»)]}」』）】》"
OPENERS = "\"'“‘«([{「『（【《¿¡"

MARK = re.compile(
    rf"(?P<soft>[.!?…]+[{re.escape(CLOSERS)}*_]*)"
    rf"|(?P<hard>[。！？｡．।॥؟۔]+[{re.escape(CLOSERS)}]*)"
    r"|(?P<line>\n[^\S\n]*(?=\n)|\n(?=[^\S\n]*(?:[-*•–]|\d{1,3}[.)])\s))"
)
"""Where a sentence may end. Soft marks need a look at what stands around them; hard ones, of
scripts that put no blank after a sentence, do not; a line ends one before an empty line and
before an item of a list."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    """
    mr mrs ms mx dr prof rev hon st mt ft gen col maj capt cmdr lt sgt gov sen rep pres supt
    messrs mme mlle sr jr hr fr sra srta dra m
    """
)
"""Stand before a name: no sentence ends after them."""

BEFORE_NUMBERS = _words("no nos nr p pp vol fig eq art sec ch ext apt tel")
"""Abbreviations before a number; before anything else words and letters like others."""

ABBREVIATIONS = _words(
    """
    etc vs approx dept est inc ltd co corp bros univ assn ave blvd rd min max misc incl excl cf
    ca al jan feb apr jun jul aug sept sep oct nov dec mon tue tues thu thur thurs fri bzw usw
    ggf evtl inkl bspw vgl sog
    """
)
"""End a sentence only where the next word begins one."""

STARTERS = _words(
    """
    the a an it it's its this that these those there there's here here's he he's she she's they
    they're we we're we'll we've you you're you'll your i i'm i'll i've i'd my our his her their
    if when while after before because but and so or then now what what's where who how why which
    in on at for with from to as is are was do does did can could would will should please let
    let's thank thanks yes no not just also however next first finally
    der die das es er sie wir ich ein eine und aber le la les il elle nous vous je
    el los las un una y pero
    """
)
"""Words that begin a sentence far more often than a name."""

LOOK_BACK = 40
"""Characters: no abbreviation is longer."""


class Verdict(Enum):
    """What is known about a mark."""

    ENDS = "ends"
    GOES_ON = "goes on"
    OPEN = "open"
    """What follows decides, and is not there yet."""


def judge(text: str, begin: int, mark: re.Match[str], *, complete: bool, context: int) -> Verdict:
    """Whether the sentence that starts at `begin` ends with a mark.

    `complete` says that no more text follows; `context` is for how many more characters a doubtful
    mark waits at most.
    """
    if mark["line"] is not None:
        return Verdict.ENDS
    if mark.end() == len(text):
        return Verdict.ENDS if complete else Verdict.OPEN
    if mark["hard"] is not None:
        return Verdict.ENDS
    if not text[mark.end()].isspace():
        # 3.14, example.com, "what?!"-s in code; but Chinese goes on without a blank.
        return Verdict.ENDS if _is_wide(text[mark.end()]) else Verdict.GOES_ON
    return _judge_soft(text, begin, mark, _Following(text, mark.end(), complete, context))


class _Following:
    """What comes after a mark, as far as it is there."""

    def __init__(self, text: str, start: int, complete: bool, context: int) -> None:
        after = text[start : start + context + LOOK_BACK]
        visible = after.lstrip().lstrip(OPENERS)
        self.first = visible[:1]
        """The first letter, digit or sign; empty while there is none."""
        word = re.match(r"[\w'’]*", visible)
        self.word = word[0].lower().replace("’", "'") if word else ""
        self._is_whole = complete or len(self.word) < len(visible) or len(after) >= context
        self._complete = complete

    def has_first(self) -> bool:
        return bool(self.first) or self._complete

    def has_word(self) -> bool:
        return self._is_whole if self.first else self._complete


def _judge_soft(text: str, begin: int, mark: re.Match[str], following: _Following) -> Verdict:
    marks = mark["soft"].rstrip(CLOSERS + "*_")
    if marks != mark["soft"] or marks.startswith(("..", "…")):
        # "Stop!" he said. Well... maybe.
        if not following.has_first():
            return Verdict.OPEN
        return Verdict.GOES_ON if following.first.islower() else Verdict.ENDS
    if marks != ".":
        return Verdict.ENDS
    before = text[max(begin, mark.start() - LOOK_BACK) : mark.start()]
    word = re.search(r"[\w.]*$", before)
    return _judge_dot(word[0] if word else "", before, following)


def _judge_dot(word: str, before: str, following: _Following) -> Verdict:
    name = word.lower()
    if word.isdigit() and before.rpartition("\n")[2].strip() == word:
        return Verdict.GOES_ON  # 1. the first item of a list
    if name in TITLES and word[:1].isupper():
        return Verdict.GOES_ON
    if name in BEFORE_NUMBERS:
        if not following.has_first():
            return Verdict.OPEN
        return Verdict.GOES_ON if following.first.isdigit() else Verdict.ENDS
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    if is_initial or "." in word or name in ABBREVIATIONS:
        if not following.has_word():
            return Verdict.OPEN
        is_start = following.word in STARTERS and not following.first.islower()
        return Verdict.ENDS if is_start or not following.first else Verdict.GOES_ON
    return Verdict.ENDS


def _is_wide(character: str) -> bool:
    """Whether it is of a script that is written without blanks."""
    return "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af"
