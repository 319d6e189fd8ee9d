"""What is particular to agentd-rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import agentd_rules as rules
from agentd.aio.timing import now
from agentd.errors import SettingsError
from agentd.llm import (
    ChatContext,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    ToolContext,
    execute_function_call,
    function_tool,
)
from agentd.testing.virtual_time import run_virtual

TOML = """
greeting = "Hello!"
otherwise = "What?"

[[rule]]
words = ["hi", "good morning"]
say = ["Hi.", "Hi again."]

[[rule]]
pattern = 'weather in (?P<city>[a-z ]+?)(?: on (?P<day>\\w+))?[.?!]?$'
say = "One moment."
call = "get_weather"
arguments = { city = "{city}", day = "{day}", units = 3 }
then = "In {city} it is {sky}."
failed = "No idea about {city}."
"""


@function_tool
async def get_weather(city: str, units: int, day: str = "today") -> dict[str, object]:
    """Say what the weather is like."""
    if city == "Atlantis":
        raise LookupError(city)
    return {"sky": "clear", "day": day, "units": units}


@pytest.fixture
def llm(tmp_path: Path) -> rules.LLM:
    """The rules above, from a file."""
    path = tmp_path / "rules.toml"
    path.write_text(TOML)
    return rules.LLM.from_file(path)


class Talk:
    """A conversation with a model, in which tools are called."""

    def __init__(self, llm: rules.LLM, *tools: FunctionTool[..., Any]) -> None:
        self.chat_ctx = ChatContext.empty()
        self.calls: list[str] = []
        self._llm, self._tools = llm, ToolContext(tools)

    async def say(self, text: str) -> str:
        """What is answered to the user."""
        self.chat_ctx.add_message(role="user", content=text)
        return await self.reply()

    async def reply(self) -> str:
        """What is said next, tools called on the way."""
        reply = await self._llm.chat(chat_ctx=self.chat_ctx, tools=self._tools.flatten()).collect()
        if reply.text:
            self.chat_ctx.add_message(role="assistant", content=reply.text)
        for call in reply.tool_calls:
            self.calls.append(f"{call.name}({call.arguments})")
            done = await execute_function_call(call, self._tools)
            assert done.fnc_call_out is not None
            self.chat_ctx.insert([done.fnc_call, done.fnc_call_out])
        if not reply.tool_calls:
            return reply.text
        return " ".join(filter(None, [reply.text, await self.reply()]))


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("Hi!", "Hi."),
        ("well, GOOD  morning to you", "Hi."),
        ("this and that", "What?"),
        ("", "What?"),
    ],
)
async def test_words_are_heard_whatever_is_around_them(
    llm: rules.LLM, heard: str, said: str
) -> None:
    """But not as a part of other words."""
    assert await Talk(llm).say(heard) == said


async def test_of_several_sayings_the_next_is_said_each_time(llm: rules.LLM) -> None:
    """And then the first one again."""
    talk = Talk(llm)

    assert [await talk.say("hi") for _ in range(3)] == ["Hi.", "Hi again.", "Hi."]


async def test_a_tool_is_called_with_what_was_heard(llm: rules.LLM) -> None:
    """Its output is used in the answer; an argument that was not said has its default."""
    talk = Talk(llm, get_weather)

    answer = await talk.say("What is the weather in New York?")

    assert answer == "One moment. In New York it is clear."
    assert talk.calls == ['get_weather({"city":"New York","units":3})']


async def test_an_optional_group_is_an_argument_if_it_was_said(llm: rules.LLM) -> None:
    """As the day is here."""
    talk = Talk(llm, get_weather)

    await talk.say("weather in Rome on Monday")

    assert talk.calls == ['get_weather({"city":"Rome","day":"Monday","units":3})']


async def test_a_tool_that_failed_has_an_answer_too(llm: rules.LLM) -> None:
    """That of its rule, or the common one."""
    common = rules.LLM().rule(
        pattern="weather in (?P<city>\\w+)",
        call="get_weather",
        arguments={"city": "{city}", "units": 1},
    )

    assert await Talk(llm, get_weather).say("weather in Atlantis") == (
        "One moment. No idea about Atlantis."
    )
    assert await Talk(common, get_weather).say("weather in Atlantis") == (
        "Sorry, that did not work."
    )


async def test_a_rule_for_a_tool_counts_only_while_there_is_that_tool(llm: rules.LLM) -> None:
    """As after a change of agent."""
    assert await Talk(llm).say("weather in Rome") == "What?"


async def test_without_a_template_the_output_is_said_as_it_is() -> None:
    """Text is made for that."""

    @function_tool
    async def tell_time() -> str:
        """Tell the time."""
        return "It is noon."

    llm = rules.LLM().rule("time", call="tell_time")

    assert await Talk(llm, tell_time).say("What time is it?") == "It is noon."


async def test_a_tool_called_by_instructions_has_its_rules_answer() -> None:
    """The rule is found again though the user spoke after it was told."""
    llm = rules.LLM().rule(
        pattern="look up (?P<city>\\w+)",
        told=True,
        call="get_weather",
        arguments={"city": "{city}", "units": 1},
        then="{city}: {sky}",
    )
    talk = Talk(llm, get_weather)
    talk.chat_ctx.add_message(role="user", content="hello")
    talk.chat_ctx.add_message(role="assistant", content="hello")
    talk.chat_ctx.add_message(role="system", content="be brief")
    talk.chat_ctx.add_message(role="system", content="look up Rome")

    assert await talk.reply() == "Rome: clear"


async def test_the_output_of_a_call_that_no_rule_made_is_said_as_it_is(llm: rules.LLM) -> None:
    """As after a change of model in the middle of a conversation."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="hi")
    call = FunctionCall(call_id="1", name="other", arguments="{}")
    chat_ctx.insert([call, FunctionCallOutput(call_id="1", name="other", output="done")])

    assert (await llm.chat(chat_ctx=chat_ctx).collect()).text == "done"


async def test_rules_are_tried_in_their_order() -> None:
    """The first that fits."""
    llm = rules.LLM().rule("hello", say="first").rule("hello you", say="second")

    assert await Talk(llm).say("hello you") == "first"


async def test_the_greeting_is_for_the_start_only(llm: rules.LLM) -> None:
    """When a reply is wanted before anybody spoke."""
    talk = Talk(llm)

    assert await talk.reply() == "Hello!"
    assert await talk.say("hi") == "Hi again."
    assert await talk.reply() == "What?"


async def test_a_rule_may_listen_to_instructions() -> None:
    """Those of one reply, beside what the user says."""
    llm = rules.LLM(otherwise="What?").rule("goodbye", told=True, say="Bye!")
    talk = Talk(llm)
    talk.chat_ctx.add_message(role="system", content="You say goodbye at the end.")
    talk.chat_ctx.add_message(role="user", content="goodbye")
    talk.chat_ctx.add_message(role="assistant", content="What?")
    talk.chat_ctx.add_message(role="system", content="Say goodbye to the user.")

    assert await talk.reply() == "Bye!"
    assert await talk.say("goodbye") == "What?"


async def test_a_tool_whose_output_wants_no_reply_is_not_called_again(llm: rules.LLM) -> None:
    """Its question counts as answered."""
    talk = Talk(llm, get_weather)
    await talk.say("weather in Rome")
    del talk.chat_ctx.items[-1]
    output: Any = talk.chat_ctx.items[-1]
    output.reply_required = False

    await talk.reply()

    assert len(talk.calls) == 1


def test_words_may_come_with_delays() -> None:
    """Like those of a model at work."""
    llm = rules.LLM(greeting="one two three", word_delay=0.5)

    async def act() -> list[float]:
        stream = llm.chat(chat_ctx=ChatContext.empty())
        return [now() async for chunk in stream if chunk.delta is not None]

    assert run_virtual(act()) == [0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"say": "x"}, "a rule needs `words` or a `pattern`"),
        ({"words": ["hi"]}, "the rule for 'hi' does nothing: give it `say` or `call`"),
        ({"pattern": "(", "say": "x"}, r"the pattern '\(' can't be used: "),
        ({"pattern": "x", "say": "{y}"}, "the rule for 'x' uses {y}: name a group so"),
        ({"words": ["x"], "call": "f", "arguments": {"a": "{b}"}}, "uses {b}: name a group"),
    ],
)
def test_a_mistake_in_a_rule_is_told_when_it_is_made(rule: dict[str, Any], message: str) -> None:
    """With the rule it is in."""
    with pytest.raises(ValueError, match=message):
        rules.Rule(**rule)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]]\nsay = 'x'", r"a rule needs `words` or a `pattern` - at `\$\.rule\[0\]`"),
        ("[[rule]]\nword = 'x'", "unknown field `word`"),
        ("greeting = 3", "Expected `str`, got `int`"),
        ("nonsense", "Expected '=' after a key"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    """When it is read."""
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=f"mine.toml' can't be used: .*{message}"):
        rules.LLM.from_file(path)


def test_a_file_that_is_not_there_is_told_too(tmp_path: Path) -> None:
    """Not as an OSError."""
    with pytest.raises(SettingsError, match="No such file"):
        rules.LLM.from_file(tmp_path / "nowhere.toml")


def test_the_readme_shows_rules_that_work(tmp_path: Path) -> None:
    """Its TOML is read; its Python makes the same rules."""
    text = (Path(__file__).parents[2] / "plugins/rules/README.md").read_text()
    toml = text.split("```toml\n")[1].split("```")[0]
    python = text.split("```python\n")[1].split("```")[0]
    path = tmp_path / "rules.toml"
    path.write_text(toml)
    names: dict[str, Any] = {}

    exec(python, names)

    assert names["llm"].book.rule == rules.LLM.from_file(path).book.rule
