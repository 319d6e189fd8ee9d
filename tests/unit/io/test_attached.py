"""The slots of a session's inputs and outputs."""

from __future__ import annotations

from agentd.io.attached import AgentOutput
from agentd.io.base import TextOutput


class Sink(TextOutput):
    """Notes when it is in use."""

    def __init__(self) -> None:
        super().__init__(label="sink")
        self.heard: list[str] = []

    async def capture_text(self, text: str) -> None: ...

    def flush(self) -> None: ...

    def on_attached(self) -> None:
        self.heard.append("attached")

    def on_detached(self) -> None:
        self.heard.append("detached")


def test_what_is_put_into_a_slot_is_attached() -> None:
    """And what was in it before is detached."""
    output, first, second = AgentOutput(), Sink(), Sink()

    output.transcription = first
    output.transcription = second

    assert (first.heard, second.heard) == (["attached", "detached"], ["attached"])


def test_a_slot_that_is_switched_off_keeps_what_it_holds() -> None:
    """But there is nothing to be used."""
    output, sink = AgentOutput(), Sink()
    output.transcription = sink

    output.set_transcription_enabled(False)

    assert output.transcription is sink
    assert output.active_transcription is None
    assert sink.heard == ["attached", "detached"]


def test_what_is_put_into_a_slot_that_is_off_is_attached_with_the_switch() -> None:
    """Not before."""
    output, sink = AgentOutput(), Sink()
    output.set_transcription_enabled(False)
    output.transcription = sink
    before = list(sink.heard)

    output.set_transcription_enabled(True)

    assert (before, sink.heard) == ([], ["attached"])


def test_subscribers_hear_of_changes_and_of_nothing_else() -> None:
    """Putting the same thing in again is none."""
    output, sink, heard = AgentOutput(), Sink(), []
    output.subscribe(lambda: heard.append(output.active_transcription))

    output.transcription = sink
    output.transcription = sink
    output.set_transcription_enabled(True)
    output.transcription = None

    assert heard == [sink, None]


def test_who_unsubscribes_hears_no_more() -> None:
    """A stranger's wish does nothing."""
    output, heard = AgentOutput(), []

    def hear() -> None:
        heard.append("changed")

    output.subscribe(hear)
    output.unsubscribe(print)
    output.unsubscribe(hear)
    output.transcription = Sink()

    assert heard == []
