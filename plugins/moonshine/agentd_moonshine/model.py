"""The model as `moonshine-voice` has it, which only this module knows."""

from __future__ import annotations

from pathlib import Path

import moonshine_voice
from moonshine_voice.transcriber import Transcriber

from agentd.audio.pcm import FULL_SCALE, Clip
from agentd.errors import ModelError

NEEDED = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
"""Later versions of the package have but the last."""

OPTIONS = {
    # The utterances come out of a VAD already, and this one adds words at their starts.
    "vad_threshold": "0.0",
    "identify_speakers": "false",
    # What was heard would be copied back, number by number.
    "return_audio_data": "false",
}


class Model:
    """One loaded copy, for one thread at a time: two threads on one make gibberish."""

    def __init__(self) -> None:
        """Load it; raises ModelError where the package has no model in it."""
        folder = Path(moonshine_voice.get_model_path("tiny-en"))
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ModelError(
                f"moonshine-voice has no {', '.join(missing)} in it: "
                "only `pip install moonshine-voice==0.1.0` has the English model"
            )
        try:
            self._transcriber = Transcriber(
                model_path=str(folder),
                model_arch=moonshine_voice.ModelArch.TINY,
                options=OPTIONS,
            )
        except moonshine_voice.MoonshineError as error:
            raise ModelError(f"the Moonshine model could not be loaded: {error}") from error

    def understand(self, clip: Clip) -> str:
        """The text of some seconds of speech; raises ModelError."""
        samples = (clip.samples / FULL_SCALE).tolist()
        try:
            found = self._transcriber.transcribe_without_streaming(samples, clip.sample_rate)
        except moonshine_voice.MoonshineError as error:
            raise ModelError(f"Moonshine failed: {error}", retryable=True) from error
        return " ".join(line.text.strip() for line in found.lines).strip()
