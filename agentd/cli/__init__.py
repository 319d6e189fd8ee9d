"""The command line: reads flags, prints, never decides.

Users' scripts do `from agentd import cli`, also inside the template and the children,
so importing this package loads neither click nor rich: sub-commands are loaded when
they are called.
"""

from __future__ import annotations

from .script import run_app

__all__ = ["run_app"]
