"""What a session hears, sees, says and writes through at the moment.

Each slot may be filled, emptied and switched off while the session runs. Whoever uses a slot
learns of a change by `subscribe`; the one in the slot by `on_attached` and `on_detached`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from .base import AudioInput, AudioOutput, TextOutput, VideoInput, VideoOutput


class Attachable(Protocol):
    """What a slot can hold."""

    def on_attached(self) -> None:
        """It is in use from now on."""

    def on_detached(self) -> None:
        """It is not in use any more."""


SlotT = TypeVar("SlotT", bound=Attachable)


class Slot(Generic[SlotT]):
    """Holds one input or output, and whether it is switched on."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._held: SlotT | None = None
        self._enabled = True

    @property
    def held(self) -> SlotT | None:
        """What is in it, also while it is switched off."""
        return self._held

    @property
    def enabled(self) -> bool:
        """Whether it is switched on."""
        return self._enabled

    @property
    def active(self) -> SlotT | None:
        """What is to be used now."""
        return self._held if self._enabled else None

    def hold(self, value: SlotT | None) -> None:
        """Put something in, or nothing; what was in it is detached, not closed."""
        if value is self._held:
            return
        self._switch(value, self._enabled)

    def enable(self, enabled: bool) -> None:
        """Switch it on or off; what is in it stays."""
        self._switch(self._held, enabled)

    def _switch(self, value: SlotT | None, enabled: bool) -> None:
        before = self.active
        self._held, self._enabled = value, enabled
        after = self.active
        if before is after:
            return
        if before is not None:
            before.on_detached()
        if after is not None:
            after.on_attached()
        self._changed()


class _Attached:
    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Be called after each change, without arguments."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Be called no more; does nothing for a stranger."""
        self._listeners = [known for known in self._listeners if known != listener]

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()


class AgentInput(_Attached):
    """What a session hears and sees through."""

    def __init__(self) -> None:
        super().__init__()
        self._audio: Slot[AudioInput] = Slot(self._tell)
        self._video: Slot[VideoInput] = Slot(self._tell)

    @property
    def audio(self) -> AudioInput | None:
        """Where audio comes from, also while it is switched off."""
        return self._audio.held

    @audio.setter
    def audio(self, source: AudioInput | None) -> None:
        self._audio.hold(source)

    @property
    def video(self) -> VideoInput | None:
        """Where pictures come from, also while they are switched off."""
        return self._video.held

    @video.setter
    def video(self, source: VideoInput | None) -> None:
        self._video.hold(source)

    @property
    def active_audio(self) -> AudioInput | None:
        """What is listened to now."""
        return self._audio.active

    @property
    def active_video(self) -> VideoInput | None:
        """What is looked at now."""
        return self._video.active

    @property
    def audio_enabled(self) -> bool:
        return self._audio.enabled

    @property
    def video_enabled(self) -> bool:
        return self._video.enabled

    def set_audio_enabled(self, enable: bool) -> None:
        """Listen, or don't; as for push-to-talk."""
        self._audio.enable(enable)

    def set_video_enabled(self, enable: bool) -> None:
        """Look, or don't."""
        self._video.enable(enable)


class AgentOutput(_Attached):
    """What a session says and writes through."""

    def __init__(self) -> None:
        super().__init__()
        self._audio: Slot[AudioOutput] = Slot(self._tell)
        self._video: Slot[VideoOutput] = Slot(self._tell)
        self._transcription: Slot[TextOutput] = Slot(self._tell)

    @property
    def audio(self) -> AudioOutput | None:
        """Where speech goes to, also while it is switched off."""
        return self._audio.held

    @audio.setter
    def audio(self, sink: AudioOutput | None) -> None:
        self._audio.hold(sink)

    @property
    def video(self) -> VideoOutput | None:
        """Where pictures of the agent go to, also while it is switched off."""
        return self._video.held

    @video.setter
    def video(self, sink: VideoOutput | None) -> None:
        self._video.hold(sink)

    @property
    def transcription(self) -> TextOutput | None:
        """Where the text of what is said goes to, also while it is switched off."""
        return self._transcription.held

    @transcription.setter
    def transcription(self, sink: TextOutput | None) -> None:
        self._transcription.hold(sink)

    @property
    def active_audio(self) -> AudioOutput | None:
        """What is spoken through now; without one the agent only writes."""
        return self._audio.active

    @property
    def active_video(self) -> VideoOutput | None:
        """What the agent is seen through now."""
        return self._video.active

    @property
    def active_transcription(self) -> TextOutput | None:
        """What is written through now."""
        return self._transcription.active

    @property
    def audio_enabled(self) -> bool:
        return self._audio.enabled

    @property
    def video_enabled(self) -> bool:
        return self._video.enabled

    @property
    def transcription_enabled(self) -> bool:
        return self._transcription.enabled

    def set_audio_enabled(self, enabled: bool) -> None:
        """Speak, or only write."""
        self._audio.enable(enabled)

    def set_video_enabled(self, enabled: bool) -> None:
        """Be seen, or don't."""
        self._video.enable(enabled)

    def set_transcription_enabled(self, enabled: bool) -> None:
        """Write what is said, or don't."""
        self._transcription.enable(enabled)
