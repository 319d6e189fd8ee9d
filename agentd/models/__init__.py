"""Local models: where their files are, and how they are run.

Knows files and threads, and no model: what a request and a response mean is the plugin's.
"""

from __future__ import annotations

from .files import ModelFile, find, is_intact
from .runner import ModelRunner
from .threads import RunnerThreads

__all__ = ["ModelFile", "ModelRunner", "RunnerThreads", "find", "is_intact"]
