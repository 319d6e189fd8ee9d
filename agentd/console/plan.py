"""What a console is asked to be: data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agentd.protocol.app import AppRef
from agentd.protocol.frames import ChildConfig

Mode = Literal["audio", "text", "wav"]


class ConsolePlan(Struct, frozen=True, kw_only=True):
    """Which agent, and through what it is talked to."""

    app: AppRef
    config: ChildConfig
    mode: Mode = "audio"
    """`wav`: `input` is spoken to it."""
    agent_name: str = ""
    """What the agent finds in its job; and so with the next."""
    metadata: str = ""
    input: str = ""
    """A WAV file that is spoken to the agent."""
    output: str = ""
    """A WAV file for what the agent says, in step with the input."""
    at_once: bool = False
    """Whether the input begins at once, and not after the agent's greeting."""
    input_device: str = ""
    """Part of a sound device's name, or its number; empty for the system's own choice."""
    output_device: str = ""
    echo_cancellation: bool = True
    record: str = ""
    """A directory for a recording of both sides and a report."""
    colour: bool = False
    verbose: bool = False
    """Show agentd's own frames in tracebacks of user code."""
