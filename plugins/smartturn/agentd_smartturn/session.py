"""The model in onnxruntime, which only this module imports."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
from onnxruntime import InferenceSession, SessionOptions

from agentd.errors import ModelError


def open_session(path: Path) -> InferenceSession:
    """Load a model to be run in the thread that calls; raises ModelError where it can't be."""
    options = SessionOptions()
    # A team of threads would take the cores from other sessions, and wait for each other on
    # a busy machine.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    onnxruntime.set_default_logger_severity(3)
    try:
        return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ModelError(f"'{path}' could not be loaded: {error}") from error
