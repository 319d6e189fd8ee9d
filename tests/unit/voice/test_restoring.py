"""What of an interrupted speech is history, and what is said again."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import StateError
from agentd.given import NOT_GIVEN
from agentd.llm import ChatContext, ChatMessage, ImageContent
from agentd.voice.agent import Agent
from agentd.voice.restoring import Restored, restore
from agentd.voice.snapshot import (
    SESSION_VERSION,
    ItemEncoder,
    SessionSnapshot,
    SpeakingSnapshot,
    decode,
)


def restored(heard: str, rest: str) -> tuple[list[str], str]:
    """The messages, and what is said again."""
    history = ChatContext.empty()
    snapshot = SessionSnapshot(speaking=SpeakingSnapshot(heard=heard, rest=rest))
    made: tuple[Restored, object] = restore(snapshot, Agent(instructions="x"), history, NOT_GIVEN)
    said = [
        f"{message.text_content}{'/' if message.interrupted else ''}"
        for message in history.messages()
    ]
    return said, made[0].context.interrupted_text


@pytest.mark.parametrize(
    ("heard", "rest", "said", "again"),
    [
        ("One. Two. ", "Three.", ["One. Two. /"], "Three."),
        ("One. Two ", "and a half. Three.", ["One. /"], "Two and a half. Three."),
        ("One", " two three.", [], "One two three."),
        ("", "One. Two.", [], "One. Two."),
        ("One. Two.", "", ["One. Two."], ""),
        ("One. Two.", " Three.", ["One. Two. /"], "Three."),
        ('He said "no!" ', "And left.", ['He said "no!" /'], "And left."),
        ("It costs 3.5 ", "euros. Yes.", [], "It costs 3.5 euros. Yes."),
        ("", "", [], ""),
    ],
)
def test_the_cut_is_at_the_start_of_the_sentence(
    heard: str, rest: str, said: list[str], again: str
) -> None:
    """What was heard whole is history, the sentence that was cut off is said again."""
    assert restored(heard, rest) == (said, again)


@given(st.text(alphabet="ab. !?\n", max_size=30), st.text(alphabet="ab. !?\n", max_size=30))
def test_nothing_that_was_not_heard_is_lost(heard: str, rest: str) -> None:
    """And nothing that was not heard is history."""
    said, again = restored(heard, rest)
    remembered = "".join(said).removesuffix("/")

    assert "".join((remembered + again).split()) == "".join((heard + rest).split())
    assert len("".join(remembered.split())) <= len("".join(heard.split()))


def test_an_item_is_encoded_once() -> None:
    """However long the call is."""
    encoder, message = ItemEncoder(), ChatMessage(role="user", content=["hello"])

    first = encoder.encode([message])
    message.content = ["changed"]

    assert encoder.encode([message]) == first


def test_pictures_are_left_out_of_a_snapshot() -> None:
    """The words beside them stay, and so does the message itself."""
    picture = ImageContent(image="data:image/png;base64,AAAA")
    message = ChatMessage(role="user", content=["look", picture])

    (encoded,) = ItemEncoder().encode([message])

    assert b"look" in bytes(encoded)
    assert b"base64" not in bytes(encoded)
    assert message.content == ["look", picture]


def test_a_snapshot_of_another_version_is_refused() -> None:
    """Its meaning is not known."""
    data = msgspec.msgpack.encode(SessionSnapshot(version=SESSION_VERSION + 1))

    with pytest.raises(StateError, match="its version is"):
        decode(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_snapshot_or_an_error(data: bytes) -> None:
    """Never anything else."""
    with suppress(StateError):
        assert decode(data).version == SESSION_VERSION
