"""The model in blocking code, for one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentd.models import find

from .files import MODEL
from .pieces import Piece
from .settings import ModelSettings

if TYPE_CHECKING:
    from .model import Model

WARM_UP: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "max_tokens": 1,
    "stream": True,
}


class SmolLMRunner:
    """Loads the model when it is first needed. As `agentd.models.ModelRunner`, but it streams."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._model: Model | None = None

    def load(self) -> None:
        """Load the model and run it once; raises ModelFileMissing where the file is not there."""
        self._loaded()

    def run(self, request: dict[str, Any], told: Callable[[Piece], bool]) -> None:
        """See `Model.answer`."""
        self._loaded().answer(request, told)

    def _loaded(self) -> Model:
        if self._model is None:
            path = find(MODEL, self._settings.directory)
            # llama.cpp is 100 MB of code, and starts threads: only for who runs the model.
            from .model import Model

            model = Model(path, self._settings)
            model.answer(WARM_UP, lambda _: False)
            self._model = model
        return self._model
