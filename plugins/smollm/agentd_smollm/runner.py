"""The model in blocking code, for one thread of this process or of the model host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentd.errors import ModelError
from agentd.models import Give, find

from .files import MODEL
from .pieces import Piece, PromptTooLong, TooLong, decode_request, encode
from .settings import ModelSettings

if TYPE_CHECKING:
    from .model import Model

WARM_UP: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "max_tokens": 1,
    "stream": True,
}


class SmolLMRunner:
    """Loads the model when it is first needed; see `agentd.models.StreamingRunner`."""

    def __init__(self, *, context: int, threads: int, directory: str | None = None) -> None:
        where = None if directory is None else Path(directory)
        self._settings = ModelSettings(context=context, threads=threads, directory=where)
        self._model: Model | None = None

    def load(self) -> None:
        """Load the model and run it once; raises ModelFileMissing where the file is not there."""
        self._loaded()

    def run(self, request: bytes) -> bytes:
        """There is no answer at once: raises ModelError."""
        raise ModelError("SmolLM2 answers in parts")

    def stream(self, request: bytes, give: Give) -> None:
        """Give the pieces of a reply as they come; see `Model.answer`."""
        failed: list[Exception] = []

        def told(piece: Piece) -> bool:
            try:
                return not give(encode(piece))
            # C++ is between here and who handles it: it is raised when that has returned.
            except Exception as error:  # noqa: BLE001
                failed.append(error)
                return True

        try:
            self._loaded().answer(decode_request(request), told)
        except PromptTooLong as error:
            give(encode(TooLong(error.tokens)))
        if failed:
            raise failed[0]

    def _loaded(self) -> Model:
        if self._model is None:
            path = find(MODEL, self._settings.directory)
            # llama.cpp is 100 MB of code, and starts threads: only for who runs the model.
            from .model import Model

            model = Model(path, self._settings)
            model.answer(WARM_UP, lambda _: False)
            self._model = model
        return self._model
