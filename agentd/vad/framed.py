"""A VADStream for detectors that judge frames of one fixed length, which most do.

A plugin only gives the judgement; cutting the audio into frames, the rule for start and end,
and keeping the utterance's audio are done here, the same for each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .base import VADStream
from .events import Activity, SpeechEnded, SpeechStarted, VADEvent
from .segmenter import Change, Segmenter, SegmenterSettings

SAMPLE_BYTES = 2


class FramedVADStream(VADStream):
    """Cuts audio into frames, has each judged, and keeps what was said.

    The judgement is the probability of speech, or yes or no. A frame counts as speech from
    `activation_threshold`, and within an utterance already from `deactivation_threshold`, so that
    a voice that gets softer does not flicker.
    """

    def __init__(
        self,
        judge: Callable[[bytes], float],
        *,
        sample_rate: int,
        frame_seconds: float,
        settings: SegmenterSettings,
        activation_threshold: float = 0.5,
        deactivation_threshold: float = 0.5,
    ) -> None:
        self._judge = judge
        self._activation_threshold = activation_threshold
        self._deactivation_threshold = deactivation_threshold
        self._probability = 0.0
        self._sample_rate = sample_rate
        self._frame_seconds = frame_seconds
        self._frame_bytes = SAMPLE_BYTES * round(sample_rate * frame_seconds)
        self._settings = settings
        self._segmenter = Segmenter(settings)
        self._rest = bytearray()
        # Bounded: while nobody speaks, by what the next utterance can reach back to; while
        # somebody does, by the longest utterance.
        self._frames: deque[bytes] = deque()
        self._first_kept = 0
        """The number, counted from the start of the audio, of the first frame in `_frames`."""

    def push(self, pcm: bytes | bytearray | memoryview) -> list[VADEvent]:
        """See VADStream."""
        self._rest += memoryview(pcm).cast("B")
        events: list[VADEvent] = []
        whole = len(self._rest) - len(self._rest) % self._frame_bytes
        for start in range(0, whole, self._frame_bytes):
            events += self._take(bytes(self._rest[start : start + self._frame_bytes]))
        del self._rest[:whole]
        return events

    def flush(self) -> list[VADEvent]:
        """See VADStream."""
        self._rest.clear()
        return self._act_on(self._segmenter.finish())

    @property
    def activity(self) -> Activity:
        """See VADStream."""
        segmenter = self._segmenter
        speaking = segmenter.speaking
        return Activity(
            heard=segmenter.heard,
            speaking=speaking,
            speech_duration=segmenter.heard - segmenter.started_at if speaking else 0.0,
            silence_duration=0.0 if speaking else segmenter.heard - segmenter.quiet_since,
            probability=self._probability,
            voiced=segmenter.voiced,
            raw_speech_duration=segmenter.voiced_for,
            raw_silence_duration=segmenter.silent_for,
        )

    def _take(self, frame: bytes) -> list[VADEvent]:
        self._frames.append(frame)
        self._probability = probability = self._judge(frame)
        speaking = self._segmenter.speaking
        threshold = self._deactivation_threshold if speaking else self._activation_threshold
        change = self._segmenter.process(self._frame_seconds, probability >= threshold)
        events = self._act_on(change)
        if not self._segmenter.speaking:
            settings = self._settings
            reach = settings.min_speech_duration + settings.prefix_padding_duration
            self._forget_before(self._segmenter.heard - reach - self._frame_seconds)
        return events

    def _act_on(self, change: Change | None) -> list[VADEvent]:
        match change:
            case None:
                return []
            case Change.STARTED:
                started_at = self._segmenter.started_at
                self._forget_before(started_at - self._settings.prefix_padding_duration)
                return [SpeechStarted(started_at=started_at)]
            case Change.ENDED:
                return [self._end_utterance()]

    def _end_utterance(self) -> SpeechEnded:
        ended_at = self._segmenter.ended_at
        frames = list(self._frames)[: self._frame_at(ended_at) - self._first_kept]
        # What has been handed out is not padding for the next one: nothing is heard twice.
        self._forget_before(ended_at)
        return SpeechEnded(
            started_at=self._segmenter.started_at,
            ended_at=ended_at,
            pcm=b"".join(frames),
            sample_rate=self._sample_rate,
        )

    def _forget_before(self, seconds: float) -> None:
        first = self._frame_at(seconds)
        while self._frames and self._first_kept < first:
            self._frames.popleft()
            self._first_kept += 1

    def _frame_at(self, seconds: float) -> int:
        return round(seconds / self._frame_seconds)
