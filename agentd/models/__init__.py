"""Local models: where their files are, and how they are run, in threads here or in the model host.

Knows no model: what a request and an answer mean is the plugin's.
"""

from __future__ import annotations

from .files import ModelFile, find, is_intact
from .local import local_model
from .ref import ModelRef
from .runner import Give, LocalModel, ModelRunner, StoppableRunner, StreamingRunner
from .threads import RunnerThreads

__all__ = [
    "Give",
    "LocalModel",
    "ModelFile",
    "ModelRef",
    "ModelRunner",
    "RunnerThreads",
    "StoppableRunner",
    "StreamingRunner",
    "find",
    "is_intact",
    "local_model",
]
