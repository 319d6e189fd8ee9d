"""The app's own source, compiled anew at each import.

Python takes a module from its cache where the source has the second and the size that it had then:
who saves twice within a second might run what was saved first.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

PACKAGE = Path(__file__).resolve().parent.parent
"""agentd itself."""


def installed_folders() -> tuple[str, ...]:
    """Of Python, of installed packages, and of agentd; each ends with a slash."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(name) for name in names]
    folders += site.getsitepackages()
    if site.getusersitepackages():
        folders.append(site.getusersitepackages())
    return (*(str(Path(folder).resolve()) + "/" for folder in folders), f"{PACKAGE}/")


def compile_sources_anew() -> None:
    """Use no cache for what is imported from now on and not installed. May be repeated."""
    if any(isinstance(hook, _FreshFinder) for hook in sys.path_hooks):
        return
    installed = installed_folders()
    sys.path_hooks.insert(0, _FreshFinder(installed))
    for path in list(sys.path_importer_cache):
        if not _is_installed(path, installed):
            del sys.path_importer_cache[path]


class _FreshFinder:
    """A path hook for folders that are not installed."""

    def __init__(self, installed: tuple[str, ...]) -> None:
        self._installed = installed
        self._make = FileFinder.path_hook(
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_FreshLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    def __call__(self, path: str) -> FileFinder:
        if _is_installed(path, self._installed):
            raise ImportError("an installed package: its cache is good", path=path)
        made = self._make(path)
        assert isinstance(made, FileFinder)
        return made


class _FreshLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """Neither read from a cache nor written to one."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _is_installed(path: str, folders: tuple[str, ...]) -> bool:
    return f"{Path(path).resolve()}/".startswith(folders)
