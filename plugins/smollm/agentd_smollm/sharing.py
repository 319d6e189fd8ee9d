"""One copy of the model for all that use it in a process."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from agentd.models import LocalModel, ModelRef, local_model

_models: WeakValueDictionary[str, LocalModel] = WeakValueDictionary()
"""A second copy costs 200 MB, and with a second thread both are slower."""
_lock = threading.Lock()


def shared_model(ref: ModelRef) -> LocalModel:
    """The model of this ref, made where there is none. It goes when nobody holds it any more."""
    with _lock:
        model = _models.get(ref.key)
        if model is None:
            model = _models[ref.key] = local_model(ref)
        return model
