"""The utterances of a stream, as the service tells of them: out of order, and in pieces. Pure."""

from __future__ import annotations

from agentd.stt import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
)


class _Utterance:
    def __init__(self, start: float) -> None:
        self.start = start
        self.end = start
        self.text = ""
        self.is_over = False
        self.announced = False


class Utterances:
    """Those that have begun and are not understood yet, by the service's ids.

    `offset` is where this connection's audio begins in that of the attempt, in seconds. Each
    utterance gives a start, its texts and an end, in this order, whatever the service's is.
    """

    def __init__(self, *, offset: float, language: str) -> None:
        self._offset = offset
        self._language = language
        self._open: dict[str, _Utterance] = {}
        self._asked = 0
        self.speaking = False
        """Whether the service hears somebody speak now."""
        self.ended_at = 0.0
        """Where the last speech ended, in seconds of the attempt's audio."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to come."""
        return not self._open and not self._asked and not self.speaking

    @property
    def is_owed(self) -> bool:
        """Whether the service has the whole of an utterance and has not told its text."""
        return bool(self._asked) or any(each.is_over for each in self._open.values())

    def asked(self) -> None:
        """The service was told to take what it has as an utterance."""
        self._asked += 1

    def not_committed(self) -> None:
        """There was nothing to take."""
        self._asked = max(0, self._asked - 1)

    def started(self, item_id: str, at: float) -> list[SpeechEvent]:
        """Somebody begins to speak."""
        self.speaking = True
        utterance = self._open.setdefault(item_id, _Utterance(self._offset + at))
        utterance.announced = True
        return [StartOfSpeech(request_id=item_id)]

    def stopped(self, item_id: str, at: float) -> list[SpeechEvent]:
        """The end of it; its text may come later, or have come."""
        self.speaking = False
        self.ended_at = self._offset + at
        if (utterance := self._open.get(item_id)) is not None:
            utterance.end = self._offset + at
            utterance.is_over = True
        return []

    def committed(self, item_id: str) -> list[SpeechEvent]:
        """The service has taken an utterance, of itself or because it was asked to."""
        if item_id in self._open:
            self.speaking = False
        else:
            self._open[item_id] = _Utterance(self._offset)
        self._open[item_id].is_over = True
        self._asked = max(0, self._asked - 1)
        return []

    def heard(self, item_id: str, delta: str) -> list[SpeechEvent]:
        """A piece of the text."""
        utterance = self._open.setdefault(item_id, _Utterance(self._offset))
        utterance.text += delta
        if not utterance.text.strip():
            return []
        return [
            *self._announce(utterance, item_id),
            InterimTranscript(request_id=item_id, data=self._data(utterance, utterance.text)),
        ]

    def completed(
        self, item_id: str, transcript: str, *, confidence: float = 0.0
    ) -> list[SpeechEvent]:
        """All of the text."""
        utterance = self._open.pop(item_id, None) or _Utterance(self._offset)
        events: list[SpeechEvent] = []
        if transcript.strip():
            events += self._announce(utterance, item_id)
            data = self._data(utterance, transcript, confidence)
            events.append(FinalTranscript(request_id=item_id, data=data))
        if utterance.announced:
            events.append(EndOfSpeech(request_id=item_id))
        return events

    def _announce(self, utterance: _Utterance, item_id: str) -> list[SpeechEvent]:
        """Text of what nobody has heard begin, as it is without a VAD of the service's."""
        if utterance.announced:
            return []
        utterance.announced = True
        return [StartOfSpeech(request_id=item_id)]

    def _data(self, utterance: _Utterance, text: str, confidence: float = 0.0) -> SpeechData:
        return SpeechData(
            text=text.strip(),
            language=self._language,
            start_time=utterance.start,
            end_time=max(utterance.end, utterance.start),
            confidence=confidence,
        )
