"""OpenAI's API served on loopback: it says what a test tells it to, and fails on command."""

from __future__ import annotations

from .endpoint import Endpoint, Refused, Seen
from .faults import HttpFault, HttpFaultKind
from .script import CutOff, RawReply, Refusal, Script
from .server import MockOpenAI

__all__ = [
    "CutOff",
    "Endpoint",
    "HttpFault",
    "HttpFaultKind",
    "MockOpenAI",
    "RawReply",
    "Refusal",
    "Refused",
    "Script",
    "Seen",
]
