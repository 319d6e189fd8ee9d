"""From the name of a model to what runs it."""

from __future__ import annotations

import importlib

from agentd.errors import ModelError
from agentd.protocol.models import ModelRef

from .runner import ModelRunner

__all__ = ["ModelRef", "make_runner"]


def make_runner(ref: ModelRef) -> ModelRunner:
    """Make one runner, not loaded yet; raises ModelError where that can't be."""
    module, _, function = ref.target.partition(":")
    try:
        made: ModelRunner = getattr(importlib.import_module(module), function)(**ref.options)
    except ModelError:
        raise
    # The border to a plugin, or to the user's own module: its import may raise anything.
    except Exception as error:
        raise ModelError(
            f"the model '{ref.name}' can't be made by '{ref.target}': "
            f"{type(error).__name__}: {error}"
        ) from error
    return made
