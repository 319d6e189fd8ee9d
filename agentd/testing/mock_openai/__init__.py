"""OpenAI's API served on loopback: it says what a test tells it to, and fails on command."""

from __future__ import annotations

from .faults import HttpFault, HttpFaultKind
from .server import MockOpenAI, Seen

__all__ = ["HttpFault", "HttpFaultKind", "MockOpenAI", "Seen"]
