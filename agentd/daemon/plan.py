"""What the command line asks of the daemon."""

from __future__ import annotations

from msgspec import Struct

from agentd.protocol.app import AppRef
from agentd.settings.layers import Layer


class DaemonPlan(Struct, frozen=True, kw_only=True):
    """One run of the daemon, as asked."""

    app: AppRef
    layers: tuple[Layer, ...]
    """Flags, environment, file, dev defaults; the app's own layer comes from the template."""
    dev: bool = False
    reload: bool = False
    """Watch the app's files and run new jobs on new code."""
    swap: bool = False
    """Move running jobs onto the new code too, at each reload."""
    verbose: bool = False
    """Show agentd's own frames in tracebacks of user code."""
