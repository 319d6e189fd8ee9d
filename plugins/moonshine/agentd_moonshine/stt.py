"""agentd's STT interface on the Moonshine model."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame
from agentd.errors import ModelError
from agentd.language import LanguageCode
from agentd.models import ModelRef, local_model
from agentd.stt import STT as BaseSTT
from agentd.stt import SpeechData, STTCapabilities

from .messages import RATE, Heard, decode_understood, encode


class STT(BaseSTT):
    """Moonshine's tiny English model, which comes with its package.

    It takes whole utterances: behind a VAD by `stt.StreamAdapter`, or by a session that has one.
    Each of its `threads` has a copy of the model, some 100 MB, and recognises one utterance at a
    time. Nothing is loaded before `prewarm`, `load` or the first call.
    """

    def __init__(self, *, threads: int = 1) -> None:
        super().__init__(
            capabilities=STTCapabilities(streaming=False, interim_results=False), sample_rate=RATE
        )
        self._local = local_model(self.ref(threads=threads))

    @classmethod
    def ref(cls, *, threads: int = 1) -> ModelRef:
        """The model for `AgentServer(models=[...])`: loaded once, for all jobs of a daemon.

        `threads` is how many utterances it recognises at once then, whatever an STT says.
        """
        return ModelRef(
            name="moonshine", target="agentd_moonshine.runner:MoonshineRunner", threads=threads
        )

    @property
    def model(self) -> str:
        """Its name."""
        return "moonshine-tiny-en"

    @property
    def provider(self) -> str:
        """Whose it is."""
        return "moonshine"

    def prewarm(self) -> None:
        """Load the model in the background."""
        self._local.prewarm()

    def load(self) -> STT:
        """Load the model and wait for it: for an app's prewarm function."""
        self._local.load()
        return self

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class; raises ModelError for another language than English."""
        if language and LanguageCode(language).language != "en":
            raise ModelError(f"this Moonshine model knows English only, not '{language}'")
        answer = await self._local.run(encode(Heard(pcm=audio.data)))
        return SpeechData(text=decode_understood(answer).text, language=language or "en")

    async def aclose(self) -> None:
        """Let the model go, and what it has of threads."""
        self._local.close()
