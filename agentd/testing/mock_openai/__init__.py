"""OpenAI's API served on loopback: it says what a test tells it to, and fails on command."""

from __future__ import annotations

from .endpoint import Endpoint, Refused, Seen
from .faults import HttpFault, HttpFaultKind
from .realtime_connection import RealtimeConnection
from .realtime_script import UNHEARD, RealtimeFault, RealtimeFaultKind, Unheard
from .script import CutOff, RawReply, Refusal, Script
from .server import MockOpenAI

__all__ = [
    "UNHEARD",
    "CutOff",
    "Endpoint",
    "HttpFault",
    "HttpFaultKind",
    "MockOpenAI",
    "RawReply",
    "RealtimeConnection",
    "RealtimeFault",
    "RealtimeFaultKind",
    "Refusal",
    "Refused",
    "Script",
    "Seen",
    "Unheard",
]
