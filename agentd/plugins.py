"""Plugins: found by entry point, imported when first used.

A plugin is a distribution of its own, `agentd-<name>`, that names its package under the
entry-point group `agentd.plugins`. Nothing is registered at import, and looking up what is
installed imports none of it:

    from agentd.plugins import webrtcvad
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from agentd.errors import PluginNotFound

GROUP = "agentd.plugins"


def installed() -> dict[str, EntryPoint]:
    """The plugins that can be had here, by name, not yet imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load(name: str) -> ModuleType:
    """Import a plugin; raises PluginNotFound, which is an ImportError too."""
    found = installed()
    entry = found.get(name)
    if entry is None:
        have = ", ".join(sorted(found)) or "none"
        raise PluginNotFound(
            f"the plugin '{name}' is not installed: run `pip install agentd-{name}` "
            f"(installed plugins: {have})"
        )
    module = entry.load()
    if not isinstance(module, ModuleType):
        raise PluginNotFound(f"the plugin '{name}' names '{entry.value}', which is no module")
    return module


def __getattr__(name: str) -> ModuleType:
    # Python itself and tools ask modules for names such as __path__, which no plugin has.
    if name.startswith("_"):
        raise AttributeError(name)
    module = load(name)
    globals()[name] = module
    return module


def __dir__() -> list[str]:
    return sorted({"installed", "load", *installed()})
