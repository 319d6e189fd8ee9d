"""Which files an app consists of."""

from __future__ import annotations

import sys
from pathlib import Path

from agentd.app.fresh import installed_folders


def app_files() -> list[str]:
    """Source files of all imported modules but Python's, installed packages' and agentd's own.

    Plugins that are installed editable are among them, since their files are elsewhere.
    """
    skipped = installed_folders()
    files = {
        str(Path(source).resolve())
        for module in list(sys.modules.values())
        if isinstance(source := getattr(module, "__file__", None), str)
    }
    return sorted(f for f in files if f.endswith(".py") and not f.startswith(skipped))
