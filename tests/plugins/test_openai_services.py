"""The named constructors of agentd-openai: a table, and what each of its rows asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentd.errors import ModelError
from agentd.testing.mock_openai import MockOpenAI
from agentd_openai.llm import LLM
from agentd_openai.services import OPENAI, SERVICES, Dialect
from tests.plugins.llm_contract import QUICK, conversation, get_weather

KEYED = sorted(name for name, info in SERVICES.items() if info.key_name)
KEYLESS = sorted(SERVICES.keys() - set(KEYED))

PROVIDERS = {
    "cerebras": "api.cerebras.ai",
    "cometapi": "api.cometapi.com",
    "deepseek": "api.deepseek.com",
    "fireworks": "api.fireworks.ai",
    "groq": "api.groq.com",
    "llama_cpp": "localhost:8080",
    "lmstudio": "localhost:1234",
    "nebius": "api.studio.nebius.com",
    "octo": "text.octoai.run",
    "ollama": "localhost:11434",
    "openrouter": "openrouter.ai",
    "ovhcloud": "oai.endpoints.kepler.ai.cloud.ovh.net",
    "perplexity": "api.perplexity.ai",
    "sambanova": "api.sambanova.ai",
    "telnyx": "api.telnyx.com",
    "together": "api.together.xyz",
    "vllm": "localhost:8000",
    "x_ai": "api.x.ai",
}
"""The host of each."""


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """A service that takes what those take: not only what OpenAI does."""
    async with MockOpenAI() as api:
        api.chat.strict = False
        yield api


def with_(name: str, **options: Any) -> LLM:
    """`LLM.with_<name>`."""
    made: LLM = getattr(LLM, f"with_{name}")(**options)
    return made


async def ask(llm: LLM) -> None:
    """Something with a tool."""
    await llm.chat(
        chat_ctx=conversation("Hello!"),
        tools=[get_weather],
        parallel_tool_calls=True,
        conn_options=QUICK,
    ).collect()


def test_each_service_has_a_constructor() -> None:
    """And a row here, so that a change of the table is seen."""
    assert SERVICES.keys() == PROVIDERS.keys()
    assert all(hasattr(LLM, f"with_{name}") for name in SERVICES)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_asked_where_it_is(name: str) -> None:
    """With its usual model unless another is wanted."""
    usual, other = with_(name, api_key="k"), with_(name, api_key="k", model="other")

    assert usual.provider == PROVIDERS[name]
    assert (usual.model, other.model) == (SERVICES[name].model, "other")


@pytest.mark.parametrize("name", KEYED)
async def test_a_service_has_a_key_of_its_own(
    name: str, api: MockOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of the environment; OpenAI's is not shown to anybody else."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv(SERVICES[name].key_name, "its-own")

    await ask(with_(name, base_url=api.base_url))

    assert api.requests[0].headers["Authorization"] == "Bearer its-own"


@pytest.mark.parametrize("name", KEYED)
def test_a_service_without_its_key_can_not_be_used(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.delenv(SERVICES[name].key_name, raising=False)

    with pytest.raises(ModelError, match=SERVICES[name].key_name):
        with_(name)


@pytest.mark.parametrize("name", KEYLESS)
async def test_a_local_service_needs_no_key(
    name: str, api: MockOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was given is sent; OpenAI's never is."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")

    await ask(with_(name, base_url=api.base_url))
    await ask(with_(name, base_url=api.base_url, api_key="mine"))

    sent = [seen.headers["Authorization"] for seen in api.requests]
    assert sent == ["Bearer none", "Bearer mine"]


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_a_service_is_not_asked_what_it_lacks(name: str, api: MockOpenAI) -> None:
    """As its dialect says."""
    dialect = SERVICES[name].dialect
    llm = with_(name, base_url=api.base_url, api_key="k", max_completion_tokens=9)

    await ask(llm)

    body = api.requests[0].body
    assert asked(body) == dialect


def asked(body: dict[str, Any]) -> Dialect:
    """The dialect that a request is in; of roles it has none to tell by."""
    strict = body["tools"][0]["function"].get("strict", False)
    name = "max_tokens" if "max_tokens" in body else "max_completion_tokens"
    assert body[name] == 9
    return Dialect(
        strict_tools=strict,
        stream_usage="stream_options" in body,
        max_tokens=name,
        developer=False,
        parallel_tool_calls="parallel_tool_calls" in body,
    )


def test_openai_itself_lacks_nothing() -> None:
    """Its dialect is the whole one."""
    assert Dialect() == OPENAI


AZURE: dict[str, tuple[dict[str, Any], dict[str, str], tuple[str, str]]] = {
    "key": ({"api_key": "k"}, {}, ("api-key", "k")),
    "key of the environment": ({}, {"AZURE_OPENAI_API_KEY": "e"}, ("api-key", "e")),
    "token": ({"azure_ad_token": "t"}, {}, ("Authorization", "Bearer t")),
    "token of the environment": (
        {},
        {"AZURE_OPENAI_AD_TOKEN": "e"},
        ("Authorization", "Bearer e"),
    ),
}


@pytest.mark.parametrize("how", AZURE)
async def test_azure_is_told_who_asks(
    how: str, api: MockOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a key or a token, at the deployment's own address, with the API's version."""
    given, environment, (header, value) = AZURE[how]
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    api.chat.strict = True
    llm = LLM.with_azure(
        azure_endpoint=api.origin, azure_deployment="mine", api_version="2024-10-21", **given
    )

    await ask(llm)

    [seen] = api.requests
    assert seen.headers[header] == value
    assert seen.query == {"api-version": "2024-10-21"}
    assert seen.url.startswith("/openai/deployments/mine/chat/completions")


def test_azure_without_anybody_can_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once."""
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ModelError, match="AZURE_OPENAI_API_KEY"):
        LLM.with_azure(azure_endpoint="https://x.example", api_version="2024-10-21")


async def test_an_agent_of_lettas_has_its_own_address(api: MockOpenAI) -> None:
    """Below the service's."""
    llm = LLM.with_letta(agent_id="agent-1", base_url=f"{api.origin}/v1", api_key="k")

    with pytest.raises(ModelError):
        await ask(llm)

    assert api.requests[0].path == "v1/agent-1/chat/completions"
