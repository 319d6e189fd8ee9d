"""What a model that takes a conversation over is told of it."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame, silent_frame
from agentd.llm import ChatContext
from agentd.realtime.conversation import Conversation
from agentd.realtime.unheard import LONGEST, PREROLL, Unheard


def texts(conversation: Conversation) -> list[str | None]:
    """What was said, in its order."""
    return [message.text_content for message in conversation.so_far().messages()]


def test_what_was_said_since_the_agent_told_comes_after_it() -> None:
    """In the order in which it was said."""
    conversation = Conversation()
    told = ChatContext()
    told.add_message(role="user", content="hello")
    conversation.tell(told)

    conversation.said("m1", "Hello ")
    conversation.said("m1", "to you.")
    conversation.heard("m2", "how are you")

    assert texts(conversation) == ["hello", "Hello to you.", "how are you"]


def test_the_agents_history_replaces_what_it_has() -> None:
    """A message that both know by its id is there once, as the agent has it."""
    conversation = Conversation()
    conversation.said("m1", "A long reply, most of which nobody heard.")
    told = ChatContext()
    told.add_message(role="assistant", content="A long reply", id="m1")

    conversation.tell(told)

    assert texts(conversation) == ["A long reply"]


def test_a_message_that_was_cut_is_kept_as_far_as_it_was_heard() -> None:
    """And not at all where nothing of it was."""
    conversation = Conversation()
    conversation.said("m1", "One two three.")
    conversation.said("m2", "Four five six.")

    conversation.cut("m1", "One two")
    conversation.cut("m2", "")

    (message,) = conversation.so_far().messages()
    assert (message.text_content, message.interrupted) == ("One two", True)


def test_telling_does_not_change_what_the_agent_has() -> None:
    """The agent's own context is not written to."""
    conversation = Conversation()
    told = ChatContext()
    conversation.tell(told)

    conversation.heard("m1", "hello")

    assert told.items == []


def seconds(frames: list[AudioFrame]) -> float:
    """How long they are."""
    return round(sum(frame.duration for frame in frames), 3)


def push(unheard: Unheard, duration: float) -> None:
    """So much audio, in frames of 50 ms."""
    for _ in range(round(duration / 0.05)):
        unheard.push(silent_frame(0.05, 16000))


def test_without_words_of_the_user_nothing_is_heard_again() -> None:
    """The next model need not listen to silence."""
    unheard = Unheard()
    push(unheard, 10.0)

    assert unheard.take() == []


def test_speech_is_heard_again_with_its_beginning() -> None:
    """What came before a model noticed it belongs to it."""
    unheard = Unheard()
    push(unheard, 10.0)
    unheard.began()
    push(unheard, 2.0)

    assert seconds(unheard.take()) == 2.0 + PREROLL


def test_what_was_answered_is_not_heard_again() -> None:
    """Also where it was understood only after the answer had begun."""
    unheard = Unheard()
    unheard.began()
    push(unheard, 2.0)
    unheard.ended()

    unheard.answered()
    unheard.understood()

    assert unheard.take() == []
    assert not unheard.reply_owed


def test_what_was_understood_is_owed_a_reply_but_not_heard_again() -> None:
    """Its text is in the conversation already."""
    unheard = Unheard()
    unheard.began()
    push(unheard, 2.0)
    unheard.ended()

    unheard.understood()

    assert unheard.take() == []
    assert unheard.reply_owed


def test_a_long_speech_is_kept_by_its_end() -> None:
    """The memory of a caller who never stops is bounded."""
    unheard = Unheard()
    unheard.began()
    push(unheard, 3 * LONGEST)

    assert seconds(unheard.take()) <= LONGEST
