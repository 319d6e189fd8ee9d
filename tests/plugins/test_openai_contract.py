"""The contract of language models, on agentd-openai against the mock of its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentd.inference.llm import LLM as NamedLLM
from agentd.llm import LLM
from agentd.testing import FakeCall
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd_openai.llm import LLM as ChatLLM
from agentd_openai.responses import LLM as ResponsesLLM
from tests.plugins.llm_contract import LLMContract
from tests.support.mock_api import mock_in_a_thread

KEY = "sk-nobody"


class OpenAIContract(LLMContract):
    """Against a mock that knows the contract's questions."""

    api: MockOpenAI

    @pytest.fixture(autouse=True)
    def serve(self) -> Iterator[None]:
        """The mock, for the length of a test."""
        with mock_in_a_thread(self._prepare) as api:
            self.api = api
            yield

    def make_failing(self) -> LLM:
        """The service is down."""
        down = HttpFault(kind=HttpFaultKind.STATUS, status=500)
        for endpoint in (self.api.chat, self.api.responses):
            endpoint.faults.always(down)
        return self.make()

    def _prepare(self, api: MockOpenAI) -> None:
        for script in (api.chat.script, api.responses.script):
            script.set(
                by_input={
                    self.question: "Hello to you too!",
                    self.tool_question: FakeCall("get_weather", {"city": "Paris"}),
                    "sunny in Paris": "It is sunny in Paris.",
                }
            )


class TestChatCompletions(OpenAIContract):
    """By chat completions."""

    def make(self) -> LLM:
        """Of the mock."""
        return ChatLLM(model="mock", base_url=self.api.base_url, api_key=KEY)


class TestPlainService(OpenAIContract):
    """By chat completions as services other than OpenAI have them."""

    def make(self) -> LLM:
        """By a named constructor."""
        return ChatLLM.with_vllm(base_url=self.api.base_url)


class TestResponses(OpenAIContract):
    """By responses."""

    def make(self) -> LLM:
        """Of the mock."""
        return ResponsesLLM(model="mock", base_url=self.api.base_url, api_key=KEY)


class TestInference(OpenAIContract):
    """By a name of LiveKit's gateway, which the mock is."""

    def make(self) -> LLM:
        """Signed as for the gateway."""
        return NamedLLM(
            "openai/gpt-4.1", base_url=self.api.base_url, api_key="devkey", api_secret="s" * 32
        )
