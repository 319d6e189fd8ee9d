"""Piper in blocking code, for a thread here or for a host process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentd.tts.local import decode_say, encode_said

from .files import VoiceSettings, voice_settings

if TYPE_CHECKING:
    from .voice import Voice

WARM_UP_TEXT = "Ready."


def piper_runner(voice: str | None, speed: float, speaker: int | None) -> PiperRunner:
    """A runner by plain data, as another process is told of it. Raises as `voice_settings`."""
    return PiperRunner(voice_settings(voice, speed=speed, speaker=speaker))


class PiperRunner:
    """Answers `Say` with `Said`. For one thread; see `agentd.models.ModelRunner`."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._settings = settings
        self._voice: Voice | None = None

    def load(self) -> None:
        """Load the voice, 60 MB, in about a second, and let it speak once: that is slow, too."""
        self._loaded()

    def run(self, request: bytes) -> bytes:
        """Speak a text."""
        return encode_said(self._loaded().speak(decode_say(request).text))

    def stop(self) -> None:
        """See `agentd.models.StoppableRunner`."""
        if self._voice is not None:
            self._voice.stop()

    def _loaded(self) -> Voice:
        if self._voice is None:
            # The import costs a third of a second and some megabytes, for no process but the one
            # that runs the voice.
            from .voice import Voice

            voice = Voice(self._settings)
            voice.speak(WARM_UP_TEXT)
            self._voice = voice
        return self._voice
