"""Which files the installed plugins need. Imports only the table of each, not its model."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from msgspec import Struct

from agentd.plugins import installed, load

from .files import ModelFile

TABLE_MODULE = "files"
"""Of a plugin's package: `MODEL_FILES` stands there, apart from heavy libraries."""


class Need(Struct, frozen=True, kw_only=True):
    """A file and who needs it."""

    plugin: str
    file: ModelFile


def needed_files(names: tuple[str, ...] = ()) -> list[Need]:
    """The files of the named plugins, or of all; a plugin without a table needs none.

    Raises PluginNotFound for a name that is not installed, and ImportError as the plugin does.
    """
    found = installed()
    needs: list[Need] = []
    for name in names or sorted(found):
        if name not in found:
            load(name)  # raises, and says what is installed
        module = f"{found[name].value}.{TABLE_MODULE}"
        if find_spec(module) is None:
            continue
        table = importlib.import_module(module)
        files: tuple[ModelFile, ...] = getattr(table, "MODEL_FILES", ())
        needs.extend(Need(plugin=name, file=file) for file in files)
    return needs
