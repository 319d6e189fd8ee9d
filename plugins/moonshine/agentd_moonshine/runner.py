"""The model in blocking code, for a thread here or for a host process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agentd.audio.pcm import from_bytes, silence
from agentd.errors import ModelError

from .messages import RATE, Understood, decode_heard, encode
from .segments import cut, is_silent

if TYPE_CHECKING:
    from .model import Model

WARM_UP_SECONDS = 1.0


class MoonshineRunner:
    """Answers `Heard` with `Understood`. For one thread; see `agentd.models.ModelRunner`."""

    def __init__(self) -> None:
        self._model: Model | None = None

    def load(self) -> None:
        """Load the model, 0.7 s, and run it once: the first run takes longer than the others."""
        self._loaded()

    def run(self, request: bytes) -> bytes:
        """Understand an utterance of any length."""
        model = self._loaded()
        try:
            clip = from_bytes(decode_heard(request).pcm, RATE)
        except (msgspec.DecodeError, ValueError) as error:
            raise ModelError(f"this is no utterance for Moonshine: {error}") from error
        if is_silent(clip):
            return encode(Understood(text=""))
        texts = [model.understand(piece) for piece in cut(clip) if not is_silent(piece)]
        return encode(Understood(text=" ".join(text for text in texts if text)))

    def _loaded(self) -> Model:
        if self._model is None:
            # The import costs half a second and some megabytes, for no process but the one that
            # runs the model.
            from .model import Model

            model = Model()
            model.understand(silence(WARM_UP_SECONDS, RATE))
            self._model = model
        return self._model
