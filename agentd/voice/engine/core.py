"""What the parts of a session share. Made by the session, handed to whoever works for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.supervision.supervisor import Supervisor
from agentd.voice.agent_base import AnyTool
from agentd.voice.bench import Bench
from agentd.voice.face import BaseSession
from agentd.voice.models import Adapters, Models
from agentd.voice.options import SessionOptions
from agentd.voice.senses.ears import Ears
from agentd.voice.speeches import Speeches
from agentd.voice.turns.inputs import TurnInput

from .metering import Metering
from .outages import Outages
from .watchdog import Watchdog


@dataclass(kw_only=True, eq=False)
class Core:
    """A session from within."""

    session: BaseSession[Any]
    options: SessionOptions
    models: Models
    adapters: Adapters
    tools: list[AnyTool]
    """Of every agent."""
    bench: Bench
    speeches: Speeches
    ears: Ears
    watchdog: Watchdog
    outages: Outages
    supervisor: Supervisor
    owner: TaskOwner
    """Of tasks that live as long as the session."""
    feed: Callable[[TurnInput], None]
    emit: Callable[[Any], None]
    meter: Metering
    changed: Callable[[], None]
    """Somebody who waits for quiet is to look again."""
