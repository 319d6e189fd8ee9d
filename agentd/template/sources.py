"""Which files an app consists of."""

from __future__ import annotations

import site
import sys
import sysconfig
from pathlib import Path


def app_files() -> list[str]:
    """Source files of all imported modules but Python's, installed packages' and agentd's own.

    Plugins that are installed editable are among them, since their files are elsewhere.
    """
    skipped = _installed_folders()
    files = {
        str(Path(source).resolve())
        for module in list(sys.modules.values())
        if isinstance(source := getattr(module, "__file__", None), str)
    }
    return sorted(f for f in files if f.endswith(".py") and not f.startswith(skipped))


def _installed_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(name) for name in names]
    folders += site.getsitepackages()
    if site.getusersitepackages():
        folders.append(site.getusersitepackages())
    own = str(Path(__file__).resolve().parent.parent)
    return (*(str(Path(folder).resolve()) + "/" for folder in folders), own + "/")
