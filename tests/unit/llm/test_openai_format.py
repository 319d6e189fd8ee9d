"""A conversation as OpenAI's chat API takes it."""

from __future__ import annotations

import pytest

from agentd.audio.frame import AudioFrame
from agentd.llm import (
    AudioContent,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    Instructions,
    Picture,
)
from agentd.llm.openai_format import to_messages
from tests.unit.llm.conversations import assistant, call, handoff, output, system, user


def look_call(at: float, extra: dict[str, object] | None = None) -> dict[str, object]:
    """The call of `conversations.call` in OpenAI's words."""
    function = {"name": "look", "arguments": '{"x":1}'}
    return {"id": f"call{at:g}", "type": "function", "function": function, **(extra or {})}


def test_messages_keep_their_roles_and_order() -> None:
    """A change of agent is nobody's message."""
    messages = to_messages([system(), user(), handoff(), assistant()])

    assert messages == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
    ]


def test_calls_of_one_reply_are_one_message_with_their_outputs_after_it() -> None:
    """Also where the outputs came in between, or much later."""
    first, second = call(at=2, group="g"), call(at=3, group="g")
    said = assistant("let me see", at=1)

    messages = to_messages(
        [user(), said, first, output(first, "one"), second, assistant(at=5), output(second, "two")]
    )

    assert messages[1:4] == [
        {
            "role": "assistant",
            "content": "let me see",
            "tool_calls": [look_call(2), look_call(3)],
        },
        {"role": "tool", "tool_call_id": "call2", "content": "one"},
        {"role": "tool", "tool_call_id": "call3", "content": "two"},
    ]
    assert messages[4] == {"role": "assistant", "content": "hi"}


def test_calls_of_two_replies_are_two_messages() -> None:
    """They were made one after the other."""
    first, second = call(at=2, group="g"), call(at=3, group="h")

    messages = to_messages([user(), first, output(first), second, output(second)])

    assert [message["role"] for message in messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    assert "content" not in messages[1]


def test_a_call_without_output_and_an_output_without_call_are_left_out() -> None:
    """The API refuses both."""
    lost = FunctionCallOutput(call_id="lost", output="x")

    messages = to_messages([user(), call(), lost, assistant()])

    assert [message["role"] for message in messages] == ["user", "assistant"]


def test_a_call_after_the_users_words_does_not_belong_to_them() -> None:
    """It is the assistant's."""
    asked = call()

    messages = to_messages([user(), asked, output(asked)])

    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]


def test_empty_messages_are_left_out() -> None:
    """As of a reply that nobody heard."""
    assert to_messages([user(), assistant("")]) == [{"role": "user", "content": "hello"}]


def test_empty_arguments_are_an_empty_object() -> None:
    """The API reads them again."""
    asked = FunctionCall(call_id="1", name="f", arguments="")

    messages = to_messages([asked, output(asked)])

    assert messages[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_what_the_provider_wants_to_see_again_goes_with_the_call() -> None:
    """And nothing else of `extra`."""
    asked = call()
    asked.extra = {"extra_content": {"signature": "x"}, "mine": 1}

    messages = to_messages([asked, output(asked)])

    assert messages[0]["tool_calls"] == [look_call(0, {"extra_content": {"signature": "x"}})]


def test_pictures_and_texts_are_parts() -> None:
    """A URL as it is, pixels as a data URL."""
    message = ChatMessage(
        role="user",
        content=[
            "what is this?",
            "",
            ImageContent(image="http://x/y.png", inference_detail="low"),
            ImageContent(image=Picture(data=b"j", format="jpeg")),
        ],
    )

    [made] = to_messages([message])

    assert made["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "http://x/y.png", "detail": "low"}},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/jpeg;base64,ag==", "detail": "auto"},
        },
    ]


def test_speech_is_told_by_its_words_and_instructions_by_their_text() -> None:
    """One text where there is nothing but text."""
    frame = AudioFrame(data=b"\0\0", sample_rate=8000)
    message = ChatMessage(
        role="user",
        content=[AudioContent(frame=[frame], transcript="said"), Instructions("told")],
    )

    assert to_messages([message]) == [{"role": "user", "content": "said\ntold"}]


@pytest.mark.parametrize("items", [[], [system()], [assistant()]])
def test_where_the_user_has_said_nothing_a_dot_is_theirs(items: list[ChatItem]) -> None:
    """Some models refuse a conversation without a user; others need no dot."""
    assert to_messages(items)[-1] == {"role": "user", "content": "."}
    assert {"role": "user", "content": "."} not in to_messages(items, dummy_user_message=False)


def test_a_context_is_told_through_its_method() -> None:
    """With nothing beside the messages."""
    messages, rest = ChatContext([system()]).to_provider_format(
        "openai", inject_dummy_user_message=False
    )

    assert messages == [{"role": "system", "content": "be kind"}]
    assert rest is None
