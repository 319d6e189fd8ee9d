"""Rules as data: checked when they are made, and read from TOML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agentd.errors import SettingsError

from .template import placeholders

SORRY = "Sorry, I did not understand that."
FAILED = "Sorry, that did not work."


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When one of its words or its pattern is heard: what is said, and which tool is called.

    Raises ValueError where it could never do anything, or has a mistake.
    """

    words: list[str] = []
    """Words or phrases, one of which must be heard; case and punctuation do not matter."""
    pattern: str = ""
    """A regular expression that is found in what is heard; its named groups go into templates."""
    told: bool = False
    """It listens to instructions (`generate_reply(instructions=...)`), not to the user."""
    say: str | list[str] = []
    """A template, or several that are said in turn."""
    call: str = ""
    """The name of a tool; the rule counts only while that tool is offered."""
    arguments: dict[str, Any] = {}
    """Of the tool: a str is a template, and left out where its only placeholder has no value."""
    then: str = ""
    """A template for what is said when the tool has answered: knows `output`, the keys of an output
    that is a JSON object, the arguments and the groups."""
    failed: str = ""
    """The same for a tool that has failed."""

    def __post_init__(self) -> None:
        if not self.words and not self.pattern:
            raise ValueError("a rule needs `words` or a `pattern`")
        if not self.say and not self.call:
            raise ValueError(f"the rule for {self.heard} does nothing: give it `say` or `call`")
        groups = set(self.compiled.groupindex)
        texts = [*self.sayings, *(one for one in self.arguments.values() if isinstance(one, str))]
        for name in sorted({name for text in texts for name in placeholders(text)} - groups):
            raise ValueError(f"the rule for {self.heard} uses {{{name}}}: name a group so")

    @property
    def heard(self) -> str:
        """What it listens for, for messages."""
        return repr(self.pattern or " / ".join(self.words))

    @property
    def sayings(self) -> list[str]:
        """What it says in turn."""
        return [self.say] if isinstance(self.say, str) else self.say

    @property
    def compiled(self) -> re.Pattern[str]:
        """What finds it; raises ValueError for a pattern that is no regular expression."""
        phrases = [r"\W+".join(map(re.escape, phrase.split())) for phrase in self.words]
        choices = [rf"\b(?:{'|'.join(phrases)})\b"] if phrases else []
        choices += [f"(?:{self.pattern})"] if self.pattern else []
        try:
            return re.compile("|".join(choices), re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"the pattern '{self.pattern}' can't be used: {error}") from error


class RuleBook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules in the order in which they are tried, and what is said where none fits."""

    greeting: str = ""
    """Said when a reply is asked for before the user has said anything."""
    otherwise: str = SORRY
    failed: str = FAILED
    """Said when a tool has failed and its rule does not say what then."""
    rule: list[Rule] = []


def read_book(path: str | Path) -> RuleBook:
    """The rules of a TOML file; raises SettingsError, which names the file and the mistake."""
    try:
        return msgspec.toml.decode(Path(path).read_bytes(), type=RuleBook)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the rules in '{path}' can't be used: {error}") from error
