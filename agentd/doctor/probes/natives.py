"""Loads one native library after the other, and tells of each before the next: one may crash."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec

from agentd.aio.timing import monotonic
from agentd.doctor.facts import LibraryFact, LibraryFacts, Nothing
from agentd.doctor.probes.answering import question
from agentd.room.native import prepare_native_library

REQUIRED = {"uvloop": "uvloop", "numpy": "numpy", "_webrtcvad": "webrtcvad-wheels"}
"""Extension modules, and the distributions that they come in."""

OPTIONAL = {
    "onnxruntime": "onnxruntime",
    "av": "av",
    "sounddevice": "sounddevice",
}
"""Looked at where they are installed."""


POLITE = 10
"""Others, who measure times, go first."""


def load(name: str, loading: Callable[[], object]) -> LibraryFact:
    """Load one; an error is part of the answer."""
    sys.stderr.write(f"loading {name}\n")
    sys.stderr.flush()
    began_at = monotonic()
    try:
        loading()
    except Exception as error:  # noqa: BLE001 - a library that is not whole may raise anything
        return LibraryFact(name=name, error=f"{type(error).__name__}: {error}")
    ms = (monotonic() - began_at) * 1000
    return LibraryFact(name=name, version=version(name), ms=round(ms, 1))


def version(distribution: str) -> str:
    """Of a distribution; empty where it is not known."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def importing(module: str) -> Callable[[], object]:
    """A call that imports a module."""
    return lambda: importlib.import_module(module)


def main() -> int:
    os.nice(POLITE)
    _, answer = question(Nothing)
    modules = REQUIRED | {
        module: name for module, name in OPTIONAL.items() if find_spec(module.partition(".")[0])
    }
    facts = [load(name, importing(module)) for module, name in modules.items()]
    facts.append(load("livekit", prepare_native_library))
    answer(LibraryFacts(libraries=tuple(facts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
