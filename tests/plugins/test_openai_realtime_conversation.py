"""The mirror of a realtime conversation: whatever happens, it is as the service has it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentd.llm.items import ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from agentd.testing.mock_openai.realtime_conversation import RealtimeConversation
from agentd_openai.realtime.conversation import Change, Conversation, Create
from agentd_openai.realtime.items import text_message, wire_id, wire_items

NAMES = st.sampled_from([f"item_{letter}" for letter in "abcdef"])
TEXTS = st.sampled_from(["One.", "Two.", "Three."])


def message(item_id: str, text: str = "One.") -> ChatMessage:
    """What the user has said."""
    return ChatMessage(id=item_id, role="user", content=[text])


HISTORIES = st.lists(st.tuples(NAMES, TEXTS), max_size=6, unique_by=lambda pair: pair[0]).map(
    lambda pairs: [message(*pair) for pair in pairs]
)


class Both:
    """The mirror, and a service that is told of its changes."""

    def __init__(self) -> None:
        self.mirror = Conversation()
        self.service = RealtimeConversation()

    def tell(self, changes: list[Change]) -> None:
        """What the session sends; raises what the service refuses."""
        for change in changes:
            if isinstance(change, Create):
                self.service.insert(dict(change.item), change.previous_item_id)
            else:
                self.service.delete(change.item_id)

    def speak(self, item_id: str, text: str) -> None:
        """The service has made a message."""
        wire = text_message(item_id, "assistant", text)
        before = self.service.insert(dict(wire))
        self.mirror.added(item_id, {**wire, "content": []}, before)
        self.mirror.said(item_id, text)
        self.mirror.get(item_id).sounds = True  # type: ignore[union-attr]  # it was just added

    @property
    def same(self) -> bool:
        """Whether both have the same items in the same order."""
        ours = [(entry.id, _words(entry.wire)) for entry in self.mirror.entries]
        return ours == [(item["id"], _words(item)) for item in self.service.items]


def _words(wire: dict[str, Any]) -> Any:
    return [part.get("text") for part in wire.get("content", ())]


@given(st.lists(st.one_of(HISTORIES, TEXTS), max_size=6))
def test_both_sides_have_the_same_after_any_changes(steps: list[Any]) -> None:
    """Histories that are given, and messages that the service makes between them."""
    both = Both()

    for number, step in enumerate(steps):
        if isinstance(step, str):
            both.speak(f"said_{number}", step)
        else:
            both.mirror.settle()
            both.tell(both.mirror.follow(step))
        assert both.same


@given(HISTORIES, HISTORIES, st.booleans())
def test_what_another_connection_was_told_is_brought_up_to_date(
    before: list[ChatItem], after: list[ChatItem], speaks: bool
) -> None:
    """Whatever has changed since it was told."""
    both = Both()
    both.mirror.follow(before)
    told = both.mirror.restored()
    for wire in told:
        both.service.insert(dict(wire))
    if speaks:
        wire = text_message("said", "assistant", "Yes.")
        both.mirror.added("said", wire, before[-1].id if before else None)
    both.mirror.follow(after)

    both.tell(both.mirror.since(told))
    both.mirror.moved()

    assert both.same


def test_what_the_history_does_not_have_any_more_is_taken_out() -> None:
    """Unless the agent can't know of it yet."""
    both = Both()
    both.tell(both.mirror.follow([message("item_a"), message("item_b")]))
    both.speak("said", "Yes.")

    both.tell(both.mirror.follow([message("item_b")]))

    assert [entry.id for entry in both.mirror.entries] == ["item_b", "said"]


def test_what_was_said_before_the_last_response_is_known() -> None:
    """So it goes when a history comes without it."""
    both = Both()
    both.speak("said", "Yes.")
    both.mirror.settle()

    both.tell(both.mirror.follow([]))

    assert both.service.items == []


def test_an_output_without_its_call_is_left_out() -> None:
    """The service would refuse it."""
    output = FunctionCallOutput(call_id="call_1", name="f", output="1")

    assert wire_items([output]) == []


def test_calls_are_the_same_by_their_call_id() -> None:
    """Their items have other names here and there."""
    both = Both()
    both.mirror.added(
        "item_x",
        {"id": "item_x", "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
        None,
    )

    changes = both.mirror.follow([FunctionCall(call_id="c", name="f", arguments="{}")])

    assert changes == []


def test_what_was_heard_of_a_message_is_what_another_connection_is_told() -> None:
    """Its words, or as much of them as was heard of its audio."""
    both = Both()
    both.speak("one", "Four words are here.")
    both.speak("two", "0123456789")
    both.mirror.get("two").audio_seconds = 2.0  # type: ignore[union-attr]  # it was just added

    both.mirror.heard("one", 0.5, "Four words")
    both.mirror.heard("two", 1.0, None)

    assert [_words(wire) for wire in both.mirror.restored()] == [["Four words"], ["01234"]]


def test_a_message_of_which_nothing_is_known_is_not_told() -> None:
    """Speech that was not understood, or a reply that nobody heard."""
    both = Both()
    both.mirror.added(
        "user", {"id": "user", "type": "message", "role": "user", "content": []}, None
    )
    both.speak("one", "Never heard.")
    both.mirror.heard("one", 0.0, "")

    assert both.mirror.restored() == []


def test_a_long_id_becomes_one_that_the_service_takes() -> None:
    """The same each time, and no other's."""
    long = "an-id-of-the-users-own-that-is-far-too-long"

    assert wire_id(long) == wire_id(long)
    assert len(wire_id(long)) <= 32
    assert wire_id(long) != wire_id(f"{long}!")
    assert wire_id("item_1") == "item_1"
