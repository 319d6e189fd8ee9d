"""Attributes by OpenTelemetry's conventions for generative AI. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .spans import Value

_HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.mistral.ai": "mistral_ai",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.cohere.com": "cohere",
    "api.perplexity.ai": "perplexity",
}
"""How the conventions spell those that they know; others keep their own name."""


def provider_name(provider: str) -> str:
    """A model's provider as backends know it."""
    host = provider.strip().lower()
    for known, name in _HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return name
    return host


def model_attributes(operation: str, model: str, provider: str) -> dict[str, Value | None]:
    """Who is asked for what."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": model,
        "gen_ai.provider.name": provider_name(provider),
    }


def messages_json(messages: Iterable[tuple[str, Iterable[Mapping[str, Any]]]]) -> str:
    """`gen_ai.input.messages` and `.output.messages`: each a role, and its parts."""
    return json.dumps(
        [{"role": role, "parts": list(parts)} for role, parts in messages], ensure_ascii=False
    )


def text_part(text: str) -> dict[str, str]:
    """What was said."""
    return {"type": "text", "content": text}


def call_part(call_id: str, name: str, arguments: str) -> dict[str, str]:
    """A tool that is called."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def result_part(call_id: str, result: str) -> dict[str, str]:
    """What it answered."""
    return {"type": "tool_call_response", "id": call_id, "result": result}
