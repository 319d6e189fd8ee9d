"""agentd-openai against a real model: SmolLM2 behind llama.cpp's own OpenAI-style server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from agentd.llm import LLM, parse_response
from agentd_openai.llm import LLM as ChatLLM
from agentd_smollm.files import MODEL
from tests.plugins.llm_contract import QUICK, LLMContract, conversation
from tests.support.model_files import DOWNLOAD_TIMEOUT, have

pytestmark = pytest.mark.timeout(DOWNLOAD_TIMEOUT + 60)

SERVER = Path(__file__).parents[1] / "support" / "llama_server.py"
EXIT_TIMEOUT = 20.0


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """The server's, a process of its own with one thread, for all tests."""
    path = have(MODEL)
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            assert address, "the server has not started"
            yield f"{address}/v1"
        finally:
            server.stdin.close()
            try:
                server.wait(EXIT_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()


class TestLlamaServer(LLMContract):
    """The contract of all language models; so small a model calls no tools."""

    calls_tools = False

    @pytest.fixture(autouse=True)
    def serve(self, base_url: str) -> None:
        """Each test asks the same server."""
        self.base_url = base_url

    def make(self) -> LLM:
        """One that says the same each time, and little."""
        return ChatLLM.with_llama_cpp(
            base_url=self.base_url, temperature=0.0, max_completion_tokens=8, seed=1
        )

    def make_failing(self) -> LLM:
        """There is no such page."""
        return ChatLLM.with_llama_cpp(base_url=f"{self.base_url}/nowhere")


class Taste(BaseModel):
    """A reply of a given form."""

    fruit: str
    is_sweet: bool


async def test_a_reply_has_the_form_that_was_asked_for(base_url: str) -> None:
    """llama.cpp holds the model to the schema that was sent."""
    llm = ChatLLM.with_llama_cpp(base_url=base_url, temperature=0.0, max_completion_tokens=60)

    reply = await llm.chat(
        chat_ctx=conversation("Name a fruit. Is it sweet?"),
        response_format=Taste,
        conn_options=QUICK,
    ).collect()

    assert isinstance(parse_response(reply.text, Taste), Taste)


async def test_usage_is_the_models_own_count(base_url: str) -> None:
    """Prompt and reply in the model's tokens."""
    llm = ChatLLM.with_llama_cpp(base_url=base_url, max_completion_tokens=4, temperature=0.0)

    reply = await llm.chat(chat_ctx=conversation("Hello!"), conn_options=QUICK).collect()

    assert reply.usage is not None
    assert reply.usage.completion_tokens == 4
    assert reply.usage.prompt_tokens > 4
