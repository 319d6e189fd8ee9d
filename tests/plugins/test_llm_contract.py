"""The contract of language models, on the fake and on each plugin that needs no network."""

from __future__ import annotations

import agentd_rules as rules
from agentd.llm import LLM
from agentd.testing import FakeCall, FakeLLM, Misbehaviour
from tests.plugins.llm_contract import LLMContract

CALL = FakeCall("get_weather", {"city": "Paris"})


class TestFake(LLMContract):
    """The scripted model of agentd.testing."""

    def make(self) -> LLM:
        """Knows the contract's questions."""
        return FakeLLM(
            by_input={
                self.question: "Hello to you too!",
                self.tool_question: CALL,
                "sunny in Paris": "It is sunny in Paris.",
            }
        )

    def make_failing(self) -> LLM:
        """Fails at once."""
        return FakeLLM(faults=[Misbehaviour.RAISE])


class TestRules(LLMContract):
    """The rules of agentd-rules."""

    def make(self) -> LLM:
        """The contract's questions as rules."""
        return (
            rules.LLM()
            .rule("hello", say="Hello to you too!")
            .rule(
                pattern=r"weather in (?P<city>\w+)",
                call="get_weather",
                arguments={"city": "{city}"},
                then="It is {output}.",
            )
        )
