"""The contract of language models, on agentd-openai against the mock of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentd.llm import LLM
from agentd.testing import FakeCall
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd_openai.llm import LLM as ChatLLM
from tests.plugins.llm_contract import LLMContract

KEY = "sk-nobody"


class OpenAIContract(LLMContract):
    """Against a mock that knows the contract's questions."""

    api: MockOpenAI

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """The mock, for the length of a test."""
        async with MockOpenAI() as api:
            self.api = api
            replies = {
                self.question: "Hello to you too!",
                self.tool_question: FakeCall("get_weather", {"city": "Paris"}),
                "sunny in Paris": "It is sunny in Paris.",
            }
            for script in (api.chat.script,):
                script.set(by_input=replies)
            yield


class TestChatCompletions(OpenAIContract):
    """By chat completions."""

    def make(self) -> LLM:
        """Of the mock."""
        return ChatLLM(model="mock", base_url=self.api.base_url, api_key=KEY)

    def make_failing(self) -> LLM:
        """The service is down."""
        self.api.chat.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=500))
        return self.make()
