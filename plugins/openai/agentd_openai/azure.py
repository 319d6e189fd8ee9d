"""OpenAI's models at Azure: another client, and three ways to say who one is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypedDict

import openai

from agentd.credentials import credential, optional_credential
from agentd.given import NotGivenOr, only_given

from .client import MakeClient
from .http import make_http_client

AZURE_KEY = "AZURE_OPENAI_API_KEY"
AZURE_TOKEN = "AZURE_OPENAI_AD_TOKEN"

TokenProvider: TypeAlias = Callable[[], Awaitable[str]]


class AzureOptions(TypedDict, total=False):
    """Where a deployment is, and who asks; each is read from the environment unless given."""

    azure_endpoint: NotGivenOr[str]
    """AZURE_OPENAI_ENDPOINT."""
    azure_deployment: NotGivenOr[str]
    """The model's name."""
    api_version: NotGivenOr[str]
    """OPENAI_API_VERSION."""
    api_key: NotGivenOr[str]
    """The credential AZURE_OPENAI_API_KEY."""
    azure_ad_token: NotGivenOr[str]
    """The credential AZURE_OPENAI_AD_TOKEN."""
    azure_ad_token_provider: NotGivenOr[TokenProvider]
    """Asked for each request."""


def azure_maker(model: str, options: AzureOptions) -> MakeClient:
    """What makes the client of a deployment; raises MissingCredential where nobody is named."""
    given: dict[str, Any] = only_given(**options)
    given.setdefault("azure_deployment", model)
    given |= _identity(given)

    def make() -> openai.AsyncClient:
        return openai.AsyncAzureOpenAI(max_retries=0, http_client=make_http_client(), **given)

    return make


def _identity(given: dict[str, Any]) -> dict[str, str]:
    """Who asks: by what was given, else by a token, else by a key."""
    if given.keys() & {"azure_ad_token_provider", "azure_ad_token", "api_key"}:
        return {}
    if token := optional_credential(AZURE_TOKEN):
        return {"azure_ad_token": token}
    return {"api_key": credential(AZURE_KEY)}
