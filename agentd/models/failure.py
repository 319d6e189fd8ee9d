"""Errors of models on their way through the socket. Pure."""

from __future__ import annotations

from agentd.errors import ModelBusy, ModelError, ModelFileMissing, ModelNotHosted
from agentd.protocol.model_frames import ModelFailure

KINDS: dict[str, type[ModelError]] = {
    kind.code: kind for kind in (ModelFileMissing, ModelNotHosted, ModelBusy)
}
"""Those that somebody may want to tell from others; the rest arrives as ModelError."""


def error_of(failure: ModelFailure) -> ModelError:
    """The error that the model, or its host, has raised."""
    kind = KINDS.get(failure.code, ModelError)
    return kind(failure.error, retryable=failure.retryable)


def failure_of(call: int, error: ModelError) -> ModelFailure:
    """The frame of an error."""
    return ModelFailure(call=call, error=str(error), code=error.code, retryable=error.retryable)
