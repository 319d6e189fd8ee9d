"""The conversation as a list of items."""

from __future__ import annotations

import msgspec
import pytest

from agentd.audio.frame import AudioFrame
from agentd.llm import (
    AgentConfigUpdate,
    AgentHandoff,
    AudioContent,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCallOutput,
    ImageContent,
    Instructions,
    Picture,
    ReadOnlyChatContext,
    function_tool,
)
from tests.unit.llm.conversations import (
    assistant,
    call,
    handoff,
    history,
    ids,
    output,
    system,
    user,
)


@function_tool
async def look(x: int) -> None:
    """Look."""


def test_a_message_is_added_at_the_end_unless_its_instant_is_given() -> None:
    """One from the past goes where it was said."""
    chat_ctx = ChatContext([user(at=1), assistant(at=3)])

    chat_ctx.add_message(role="user", content="late", id="late", created_at=2.0)
    chat_ctx.add_message(role="user", content="last", id="last")

    assert ids(chat_ctx) == ["u1", "late", "a3", "last"]


def test_a_message_keeps_what_it_was_added_with() -> None:
    """And its content may be one text."""
    message = ChatContext.empty().add_message(
        role="assistant",
        content="hi",
        interrupted=True,
        metrics={"e2e_latency": 0.5},
        extra={"mood": "good"},
    )

    assert message.content == ["hi"]
    assert message.interrupted
    assert message.metrics == {"e2e_latency": 0.5}
    assert message.extra == {"mood": "good"}
    assert message.id.startswith("item_")


def test_items_are_inserted_by_their_instant_after_those_of_the_same() -> None:
    """Also several at once."""
    chat_ctx = ChatContext([user(at=1), assistant(at=2)])
    again = assistant("again", at=2)
    again.id = "again"

    chat_ctx.insert([handoff(at=3), again, system(at=0)])

    assert ids(chat_ctx) == ["s0", "u1", "a2", "again", "h3"]


def test_an_item_is_found_and_removed_by_its_id_or_itself() -> None:
    """And one that is not there is an error that names it."""
    chat_ctx = ChatContext(history())

    chat_ctx.remove("h5")
    chat_ctx.remove(chat_ctx.items[1])

    assert chat_ctx.index_by_id("a4") == 3
    assert chat_ctx.get_by_id("u1") is None
    with pytest.raises(ValueError, match="no item 'u1'"):
        chat_ctx.remove("u1")


def test_an_item_takes_the_place_of_the_one_with_its_id() -> None:
    """A new one goes where it belongs."""
    chat_ctx = ChatContext([user(at=1), assistant(at=3)])
    corrected = user("corrected", at=1)

    chat_ctx.upsert(corrected)
    chat_ctx.upsert(handoff(at=2))

    assert ids(chat_ctx) == ["u1", "h2", "a3"]
    assert chat_ctx.items[0] is corrected


def test_messages_are_what_was_said() -> None:
    """No calls and no change of agent."""
    assert [message.id for message in ChatContext(history()).messages()] == ["s0", "u1", "a4"]


@pytest.mark.parametrize(
    ("flag", "left"),
    [
        ("exclude_function_call", ["s0", "u1", "a4", "h5", "x"]),
        ("exclude_instructions", ["u1", "c2", "o3", "a4", "h5", "x"]),
        ("exclude_handoff", ["s0", "u1", "c2", "o3", "a4", "x"]),
        ("exclude_config_update", ["s0", "u1", "c2", "o3", "a4", "h5"]),
    ],
)
def test_a_copy_leaves_out_what_is_not_wanted(flag: str, left: list[str]) -> None:
    """And the original keeps it."""
    chat_ctx = ChatContext([*history(), AgentConfigUpdate(id="x", instructions="new")])

    copied = chat_ctx.copy(**{flag: True})  # type: ignore[arg-type]  # each is one of the flags

    assert ids(copied) == left
    assert len(chat_ctx.items) == 7


@pytest.mark.parametrize("content", [[], [""]])
def test_a_copy_may_leave_out_messages_that_say_nothing(content: list[str]) -> None:
    """No content, or an empty text."""
    silent = ChatMessage(role="assistant", content=[*content], id="silent")

    copied = ChatContext([user(), silent]).copy(exclude_empty_message=True)

    assert ids(copied) == ["u0"]


@pytest.mark.parametrize(("tools", "left"), [(["look"], 2), ([look], 2), (["other"], 0), ([], 0)])
def test_a_copy_may_keep_the_calls_of_some_tools_only(tools: list[str], left: int) -> None:
    """By name, or by the tool."""
    copied = ChatContext(history()).copy(tools=tools)

    assert len(copied.items) == 4 + left


def test_truncating_keeps_the_last_items_and_the_first_instruction() -> None:
    """The context itself is changed, and returned."""
    chat_ctx = ChatContext([system(at=0), user(at=1), assistant(at=2), user(at=3), assistant(at=4)])

    same = chat_ctx.truncate(max_items=2)

    assert same is chat_ctx
    assert ids(chat_ctx) == ["s0", "u3", "a4"]


def test_an_instruction_that_is_kept_anyway_is_not_doubled() -> None:
    """It stays where it is."""
    chat_ctx = ChatContext([user(at=1), system(at=2), assistant(at=3)])

    assert ids(chat_ctx.truncate(max_items=2)) == ["s2", "a3"]


def test_what_is_kept_never_begins_with_calls() -> None:
    """Nor has it an output whose call is gone."""
    first, second = call(at=2, group="g"), call(at=3, group="g")
    chat_ctx = ChatContext(
        [user(at=1), first, second, output(first, at=4), output(second, at=5), assistant(at=6)]
    )

    assert ids(chat_ctx.copy().truncate(max_items=4)) == ["a6"]
    assert ids(chat_ctx.copy().truncate(max_items=2)) == ["a6"]


def test_an_output_whose_call_is_gone_goes_too() -> None:
    """Also where it is not the first."""
    asked = call(at=1)
    chat_ctx = ChatContext([asked, user(at=2), output(asked, at=3), assistant(at=4)])

    assert ids(chat_ctx.truncate(max_items=3)) == ["u2", "a4"]


def test_a_context_that_is_short_enough_is_left_alone() -> None:
    """Even if it begins with a call."""
    chat_ctx = ChatContext(history()[2:])

    assert ids(chat_ctx.truncate(max_items=4)) == ["c2", "o3", "a4", "h5"]


def test_truncating_to_nothing_leaves_the_instruction() -> None:
    """And less than nothing is an error."""
    chat_ctx = ChatContext(history())

    assert ids(chat_ctx.truncate(max_items=0)) == ["s0"]
    with pytest.raises(ValueError, match="must not be negative, but is -1"):
        chat_ctx.truncate(max_items=-1)


def test_merging_adds_what_is_missing_in_its_place() -> None:
    """What is there already is not doubled."""
    chat_ctx = ChatContext([user(at=1), assistant(at=4)])

    chat_ctx.merge(ChatContext(history()), exclude_instructions=True)

    assert ids(chat_ctx) == ["u1", "c2", "o3", "a4", "h5"]


def test_merging_can_leave_out_calls() -> None:
    """As after a task whose tools nobody else has."""
    chat_ctx = ChatContext([user(at=1)])

    chat_ctx.merge(ChatContext(history()), exclude_function_call=True)

    assert ids(chat_ctx) == ["s0", "u1", "a4", "h5"]


def test_items_can_be_replaced_as_a_whole() -> None:
    """The list that was given is not kept."""
    chat_ctx = ChatContext()
    given = [user(at=1)]

    chat_ctx.items = [*given]
    given.clear()

    assert ids(chat_ctx) == ["u1"]


def test_a_copy_is_equivalent_until_a_model_would_see_a_difference() -> None:
    """Measurements and instants are none."""
    chat_ctx = ChatContext(history())
    other = ChatContext(msgspec.convert(msgspec.to_builtins(history()), list[ChatItem]))
    other.items[1].created_at = 99.0

    assert chat_ctx.is_equivalent(other)
    assert not chat_ctx.is_equivalent(ChatContext(history()[:-1]))
    said = other.items[1]
    assert isinstance(said, ChatMessage)
    said.content = ["something else"]
    assert not chat_ctx.is_equivalent(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (call(at=1), call("other", at=1)),
        (output(call(), "a", at=1), output(call(), "b", at=1)),
        (handoff(at=1), AgentHandoff(id="h1", new_agent_id="c")),
        (AgentConfigUpdate(id="x"), AgentConfigUpdate(id="x", instructions="y")),
        (system(at=1), user(at=1)),
    ],
    ids=lambda item: item.type,
)
def test_any_kind_of_item_can_make_the_difference(one: ChatItem, other: ChatItem) -> None:
    """Though the ids are alike."""
    assert ChatContext([one]).is_equivalent(ChatContext([one]))
    assert not ChatContext([one]).is_equivalent(ChatContext([other]))


def test_a_context_shows_its_items() -> None:
    """In failures of tests."""
    assert repr(ChatContext([handoff()])).startswith("ChatContext([AgentHandoff(")
    assert repr(ReadOnlyChatContext(ChatContext())) == "ReadOnlyChatContext([])"


def test_a_context_is_the_same_after_a_dict() -> None:
    """With all that it was asked to tell."""
    chat_ctx = ChatContext([*history(), AgentConfigUpdate(tools_added=["look"])])

    again = ChatContext.from_dict(chat_ctx.to_dict(exclude_timestamp=False))

    assert again.items == chat_ctx.items


def test_a_dict_tells_no_pictures_sounds_and_instants_unless_asked() -> None:
    """They are large, and of no use to a reader."""
    frame = AudioFrame(data=b"\0\0", sample_rate=8000)
    message = ChatMessage(
        role="user",
        content=["look", ImageContent(image="http://x"), AudioContent(frame=[frame])],
        metrics={"e2e_latency": 0.5},
        hash=b"1",
    )
    chat_ctx = ChatContext([message])

    short = chat_ctx.to_dict(exclude_metrics=True)["items"][0]
    full = chat_ctx.to_dict(exclude_image=False, exclude_audio=False)["items"][0]

    assert short["content"] == ["look"]
    assert not {"created_at", "metrics", "transcript_confidence"} & short.keys()
    assert [part if isinstance(part, str) else part["type"] for part in full["content"]] == [
        "look",
        "image_content",
        "audio_content",
    ]
    assert full["metrics"] == {"e2e_latency": 0.5}
    assert isinstance(ChatContext.from_dict({"items": [full]}).items[0], ChatMessage)


@pytest.mark.parametrize("data", [{}, {"items": [{"type": "nonsense"}]}, {"items": 3}])
def test_a_dict_that_is_no_context_is_a_value_error(data: dict[str, object]) -> None:
    """As of a file that somebody has edited."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is msgspec's
        ChatContext.from_dict(data)


def test_items_are_the_same_after_a_snapshot() -> None:
    """In msgpack, each by its tag."""
    items = [
        *history(),
        ChatMessage(
            role="user",
            content=[
                "hi",
                Instructions("be kind", audio="and short"),
                ImageContent(image=Picture(data=bytes(4), width=1, height=1)),
            ],
            transcript_confidence=0.5,
            hash=b"12",
        ),
        FunctionCallOutput(call_id="c", output="x", is_error=True, reply_required=False),
    ]

    again = msgspec.msgpack.decode(msgspec.msgpack.encode(items), type=list[ChatItem])

    assert again == items


def test_every_item_tells_its_type() -> None:
    """For code that asks for it, as users of livekit-agents do."""
    assert [item.type for item in [*history(), AgentConfigUpdate()]] == [
        "message",
        "message",
        "function_call",
        "function_call_output",
        "message",
        "agent_handoff",
        "agent_config_update",
    ]


def test_the_text_of_a_message_is_its_texts() -> None:
    """Pictures and sounds have none, and a message without any has None."""
    picture = ImageContent(image="http://x")
    message = ChatMessage(role="user", content=["a", picture, Instructions("b")])

    assert message.text_content == "a\nb"
    assert ChatMessage(role="user", content=[picture]).text_content is None


def test_content_may_be_given_as_one_text() -> None:
    """It is a list all the same."""
    message = ChatMessage(role="user", content="hi")  # type: ignore[arg-type]  # a convenience

    assert message.content == ["hi"]


def test_a_readonly_view_shows_what_changes_behind_it() -> None:
    """Nothing is copied before it is looked at."""
    chat_ctx = ChatContext([user(at=1)])
    view = ReadOnlyChatContext(chat_ctx)

    chat_ctx.insert(assistant(at=2))

    assert ids(view) == ["u1", "a2"]
    assert view.readonly
    assert not chat_ctx.readonly
    assert not view.copy().readonly


@pytest.mark.parametrize(
    "change",
    [
        lambda view: view.add_message(role="user", content="x"),
        lambda view: view.insert(user(at=9)),
        lambda view: view.remove("u1"),
        lambda view: view.upsert(user(at=1)),
        lambda view: view.truncate(max_items=0),
        lambda view: setattr(view, "items", []),
        lambda view: view.items.append(user()),
        lambda view: view.items.extend([user()]),
        lambda view: view.items.insert(0, user()),
        lambda view: view.items.remove(view.items[0]),
        lambda view: view.items.pop(),
        lambda view: view.items.clear(),
        lambda view: view.items.sort(),
        lambda view: view.items.reverse(),
        lambda view: view.items.__setitem__(0, user()),
        lambda view: view.items.__delitem__(0),
        lambda view: view.items.__iadd__([user()]),
    ],
)
def test_a_readonly_view_can_not_be_changed(change: object) -> None:
    """The error says what to do instead."""
    view = ReadOnlyChatContext(ChatContext([user(at=1)]))

    with pytest.raises(RuntimeError, match=r"read-only: change a copy\(\) of it"):
        change(view)  # type: ignore[operator]  # each is a function

    assert ids(view) == ["u1"]


def test_only_a_known_provider_format_can_be_asked_for() -> None:
    """The error names those there are."""
    with pytest.raises(ValueError, match="'nonsense' is no known format: openai is"):
        ChatContext.empty().to_provider_format("nonsense")
