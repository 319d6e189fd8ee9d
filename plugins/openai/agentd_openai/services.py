"""Services that speak OpenAI's API, as data: where they are and what they lack."""

from __future__ import annotations

import openai
from msgspec import Struct

from agentd.given import NOT_GIVEN, NotGivenOr, is_given

from .client import Key, Service, service_at

NO_KEY = "none"
"""The SDK wants one, also where the service does not."""


class Dialect(Struct, frozen=True, kw_only=True):
    """How a service's chat API differs from OpenAI's own."""

    strict_tools: bool = True
    """It holds a model to a tool's strict schema, or at least takes one."""
    stream_usage: bool = True
    """It takes `stream_options`; without it the usage comes unasked, or never."""
    max_tokens: str = "max_completion_tokens"
    """What it calls the bound of a reply."""
    developer: bool = True
    """It knows the role `developer`; else such messages are the system's."""
    parallel_tool_calls: bool = True
    """It takes `parallel_tool_calls`."""


OPENAI = Dialect()
PLAIN = Dialect(strict_tools=False, max_tokens="max_tokens", developer=False)
"""What all of them take."""
TOOLS_ONLY = Dialect(
    strict_tools=False, max_tokens="max_tokens", developer=False, parallel_tool_calls=False
)
"""PLAIN without `parallel_tool_calls`."""


class ServiceInfo(Struct, frozen=True, kw_only=True):
    """A service by its named constructor: `LLM.with_groq()`."""

    base_url: str
    key_name: str = ""
    """Of its key, in the environment and in systemd's credentials; empty where it needs none."""
    model: str
    """Unless another is given."""
    dialect: Dialect = PLAIN

    def service(
        self,
        *,
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
    ) -> Service:
        """A way to it; raises MissingCredential where it wants a key and has none."""
        return service_at(
            api_key=api_key if self.key_name or is_given(api_key) else NO_KEY,
            base_url=base_url if is_given(base_url) else self.base_url,
            client=client,
            key_name=self.key_name,
        )


SERVICES: dict[str, ServiceInfo] = {
    "cerebras": ServiceInfo(
        base_url="https://api.cerebras.ai/v1",
        key_name="CEREBRAS_API_KEY",
        model="llama3.1-8b",
        dialect=Dialect(developer=False),
    ),
    "cometapi": ServiceInfo(
        base_url="https://api.cometapi.com/v1",
        key_name="COMETAPI_API_KEY",
        model="gpt-5-chat-latest",
    ),
    "deepseek": ServiceInfo(
        base_url="https://api.deepseek.com/v1",
        key_name="DEEPSEEK_API_KEY",
        model="deepseek-chat",
        dialect=TOOLS_ONLY,
    ),
    "fireworks": ServiceInfo(
        base_url="https://api.fireworks.ai/inference/v1",
        key_name="FIREWORKS_API_KEY",
        model="accounts/fireworks/models/llama-v3p3-70b-instruct",
    ),
    "groq": ServiceInfo(
        base_url="https://api.groq.com/openai/v1",
        key_name="GROQ_API_KEY",
        model="llama-3.3-70b-versatile",
        dialect=Dialect(strict_tools=False, developer=False),
    ),
    "llama_cpp": ServiceInfo(
        base_url="http://localhost:8080/v1", model="default", dialect=TOOLS_ONLY
    ),
    "lmstudio": ServiceInfo(
        base_url="http://localhost:1234/v1", model="default", dialect=TOOLS_ONLY
    ),
    "nebius": ServiceInfo(
        base_url="https://api.studio.nebius.com/v1",
        key_name="NEBIUS_API_KEY",
        model="meta-llama/Meta-Llama-3.1-70B-Instruct",
    ),
    "octo": ServiceInfo(
        base_url="https://text.octoai.run/v1",
        key_name="OCTOAI_TOKEN",
        model="llama-2-13b-chat",
        dialect=TOOLS_ONLY,
    ),
    "ollama": ServiceInfo(
        base_url="http://localhost:11434/v1", model="llama3.1", dialect=TOOLS_ONLY
    ),
    "openrouter": ServiceInfo(
        base_url="https://openrouter.ai/api/v1",
        key_name="OPENROUTER_API_KEY",
        model="openrouter/auto",
        dialect=Dialect(max_tokens="max_tokens", developer=False),
    ),
    "ovhcloud": ServiceInfo(
        base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        key_name="OVHCLOUD_API_KEY",
        model="gpt-oss-120b",
    ),
    "perplexity": ServiceInfo(
        base_url="https://api.perplexity.ai",
        key_name="PERPLEXITY_API_KEY",
        model="sonar",
        dialect=Dialect(
            strict_tools=False,
            stream_usage=False,
            max_tokens="max_tokens",
            developer=False,
            parallel_tool_calls=False,
        ),
    ),
    "sambanova": ServiceInfo(
        base_url="https://api.sambanova.ai/v1",
        key_name="SAMBANOVA_API_KEY",
        model="Meta-Llama-3.3-70B-Instruct",
    ),
    "telnyx": ServiceInfo(
        base_url="https://api.telnyx.com/v2/ai",
        key_name="TELNYX_API_KEY",
        model="meta-llama/Meta-Llama-3.1-70B-Instruct",
        dialect=TOOLS_ONLY,
    ),
    "together": ServiceInfo(
        base_url="https://api.together.xyz/v1",
        key_name="TOGETHER_API_KEY",
        model="meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
    ),
    "vllm": ServiceInfo(base_url="http://localhost:8000/v1", model="default"),
    "x_ai": ServiceInfo(
        base_url="https://api.x.ai/v1",
        key_name="XAI_API_KEY",
        model="grok-3-fast",
        dialect=Dialect(developer=False),
    ),
}
"""Defaults of a model are those of the time of writing: services rename and retire theirs."""
