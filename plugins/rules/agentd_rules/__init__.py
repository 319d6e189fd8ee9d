"""A language model of rules for agentd: what is heard, and what is then said and done.

For demos, tests and small tasks: no network, no key, the same answer each time.
"""

from __future__ import annotations

from .book import Rule, RuleBook
from .llm import LLM

__all__ = ["LLM", "Rule", "RuleBook"]
