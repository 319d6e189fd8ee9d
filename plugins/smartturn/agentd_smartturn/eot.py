"""agentd's end-of-turn interface on the Smart Turn model."""

from __future__ import annotations

from pathlib import Path

from agentd.eot import EndOfTurnModel, EndOfTurnRequest, threshold_of
from agentd.errors import ModelError
from agentd.models import ModelRef, local_model

from .features import RATE
from .messages import Heard, decode_judged, encode
from .runner import SECONDS

LANGUAGES = (
    "ar", "bn", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja",
    "ko", "mr", "nl", "no", "pl", "pt", "ru", "tr", "uk", "vi", "zh",
)  # fmt: skip
"""Those that the model was trained and measured on, by its makers."""


class EndOfTurn(EndOfTurnModel):
    """Smart Turn v3.2: hears by tone and pace whether somebody has finished.

    Looks at the last 8 s of a turn, and takes about as long for one as for a whole 8 s. `threshold`
    is the same for all its languages. The model's file is not part of this package: without
    `agentd models fetch` each prediction raises ModelFileMissing. Nothing is loaded before
    `prewarm`, `load` or the first call. Raises ValueError for a threshold that is none.
    """

    needs = "audio"
    sample_rate = RATE
    audio_seconds = float(SECONDS)

    def __init__(self, *, threshold: float = 0.5, directory: str | Path | None = None) -> None:
        super().__init__()
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"threshold must lie between 0 and 1, but is {threshold}")
        self._thresholds = dict.fromkeys(LANGUAGES, threshold)
        self._default = threshold
        self._local = local_model(self.ref(directory=directory))

    @classmethod
    def ref(cls, *, directory: str | Path | None = None, threads: int = 1) -> ModelRef:
        """The model for `AgentServer(models=[...])`: loaded once, for all jobs of a daemon."""
        return ModelRef(
            name="smartturn",
            target="agentd_smartturn.runner:SmartTurnRunner",
            options={} if directory is None else {"directory": str(Path(directory).resolve())},
            threads=threads,
        )

    @property
    def model(self) -> str:
        """Its name."""
        return "smart-turn-v3.2"

    @property
    def provider(self) -> str:
        """Whose it is."""
        return "pipecat"

    def threshold(self, language: str) -> float | None:
        """See the base class."""
        return threshold_of(language, self._thresholds, default=self._default)

    def prewarm(self) -> None:
        """Load the model in the background."""
        self._local.prewarm()

    def load(self) -> EndOfTurn:
        """Load the model and wait for it: for an app's prewarm function."""
        self._local.load()
        return self

    async def estimate(self, request: EndOfTurnRequest) -> float:
        """See the base class."""
        if request.audio is None:
            raise ModelError("Smart Turn judges sound, and there is none")
        answer = await self._local.run(encode(Heard(pcm=request.audio.data)))
        return decode_judged(answer).probability

    async def aclose(self) -> None:
        """Let the model go, and its thread."""
        self._local.close()
