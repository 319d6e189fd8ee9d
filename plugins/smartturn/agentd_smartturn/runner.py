"""The model in blocking code, for a thread here or for a host process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from agentd.audio.pcm import FULL_SCALE
from agentd.errors import ModelError
from agentd.models import find

from .features import RATE, Floats, log_mel, normalised
from .files import MODEL
from .messages import Judged, decode_heard, encode

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SECONDS = 8
"""Of audio that the model hears, neither more nor less."""


class SmartTurnRunner:
    """Answers `Heard` with `Judged`. For one thread; see `agentd.models.ModelRunner`.

    `directory` is where `agentd models fetch` has put the file, unless it is the usual place.
    """

    def __init__(self, directory: str | Path | None = None) -> None:
        self._directory = None if directory is None else Path(directory)
        self._session: InferenceSession | None = None

    def load(self) -> None:
        """Load the model and run it once; raises ModelFileMissing where the file is not there."""
        self._loaded()

    def run(self, request: bytes) -> bytes:
        """Judge the end of a turn."""
        session = self._loaded()
        try:
            samples = np.frombuffer(decode_heard(request).pcm, dtype="<i2").astype(np.float32)
        except (msgspec.DecodeError, ValueError) as error:
            raise ModelError(f"this is no audio for Smart Turn: {error}") from error
        return encode(Judged(probability=_judge(session, samples / FULL_SCALE)))

    def _loaded(self) -> InferenceSession:
        if self._session is None:
            path = find(MODEL, self._directory)
            # onnxruntime starts a thread when it is imported, and a process with threads can't
            # fork: only one that runs the model may import it.
            from .session import open_session

            session = open_session(path)
            _judge(session, np.zeros(RATE, dtype=np.float32))
            self._session = session
        return self._session


def _judge(session: InferenceSession, samples: Floats) -> float:
    features = log_mel(normalised(_last_seconds(samples)))
    (probabilities,) = session.run(None, {"input_features": features[None]})
    return float(np.asarray(probabilities).ravel()[0])


def _last_seconds(samples: Floats) -> Floats:
    """The end of the audio, with silence before it where it is shorter."""
    size = SECONDS * RATE
    kept = samples[-size:]
    return np.pad(kept, (size - len(kept), 0))
