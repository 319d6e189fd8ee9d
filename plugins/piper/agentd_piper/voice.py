"""One loaded voice of Piper: the only module that knows piper and onnxruntime."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from agentd.audio.frame import AudioFrame, from_floats
from agentd.errors import ModelError

from .files import VoiceSettings, description_of

THREADS = 1
"""Of one computation. Two are little quicker for a sentence, cost a fifth more CPU, and wait for
each other on a machine that has other work."""

_espeak = threading.Lock()
"""espeak has one voice at a time for the whole process, which is set before each text."""


class Voice:
    """Speaks texts. Raises ModelError for files that are no voice."""

    def __init__(self, settings: VoiceSettings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        try:
            description = json.loads(description_of(settings.model).read_text(encoding="utf-8"))
            config = PiperConfig.from_dict(description)
            session = onnxruntime.InferenceSession(
                str(settings.model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's kinds have no common base
            raise ModelError(f"'{settings.model}' is no voice of Piper: {error}") from error
        self._session = _StoppableSession(session)
        self._voice = _ThreadSafeVoice(session=self._session, config=config)
        self._settings = SynthesisConfig(
            speaker_id=settings.speaker, length_scale=config.length_scale / settings.speed
        )
        self._sample_rate = int(config.sample_rate)

    def speak(self, text: str) -> AudioFrame:
        """All of a text; no audio for one without a sound."""
        # espeak is C: for it a text ends at a zero byte.
        text = text.replace("\0", " ")
        self._session.begin()
        try:
            chunks = [
                chunk.audio_float_array for chunk in self._voice.synthesize(text, self._settings)
            ]
        except Exception as error:  # as above; and espeak's
            raise ModelError(f"Piper could not speak: {error}") from error
        samples = np.concatenate([np.zeros(0, dtype=np.float32), *chunks])
        return from_floats(samples, self._sample_rate)

    def stop(self) -> None:
        """What is computed ends within milliseconds, by raising; called from another thread."""
        self._session.stop()


class _ThreadSafeVoice(PiperVoice):
    """Beside which others may speak in their own threads, in other languages."""

    def phonemize(self, text: str) -> list[list[str]]:
        """As Piper's own."""
        with _espeak:
            phonemes: list[list[str]] = super().phonemize(text)
        return phonemes


class _StoppableSession:
    """What Piper takes for a session of onnxruntime, of which it only calls `run`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._options = onnxruntime.RunOptions()

    def begin(self) -> None:
        """What was stopped is over; from now on it is about another text."""
        self._options = onnxruntime.RunOptions()

    def run(self, outputs: Any, inputs: Any) -> Any:
        """As the session's own."""
        return self._session.run(outputs, inputs, self._options)

    def stop(self) -> None:
        self._options.terminate = True
