"""The client of a service that speaks OpenAI's API: where it is, and with which key."""

from __future__ import annotations

from urllib.parse import urlsplit

import openai

from agentd.credentials import credential
from agentd.given import NOT_GIVEN, NotGivenOr

API_KEY = "OPENAI_API_KEY"
"""The name of the key, in the environment and in systemd's credentials."""

CONNECT_TIMEOUT = 15.0
"""Seconds to connect, as in livekit-agents (row 242); a call's own deadline is shorter."""
IO_TIMEOUT = 5.0
"""Seconds to write, and to wait for a connection of the pool."""


def make_client(
    *,
    api_key: NotGivenOr[str] = NOT_GIVEN,
    base_url: NotGivenOr[str] = NOT_GIVEN,
    key_name: str = API_KEY,
) -> openai.AsyncClient:
    """A client that makes each call once: retries and deadlines are agentd's.

    Raises MissingCredential where there is no key.
    """
    url = base_url if isinstance(base_url, str) else None
    return openai.AsyncClient(
        api_key=credential(key_name, api_key),
        base_url=url,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=openai.Timeout(
                connect=CONNECT_TIMEOUT, read=None, write=IO_TIMEOUT, pool=IO_TIMEOUT
            ),
        ),
    )


def provider_of(client: openai.AsyncClient) -> str:
    """Whose service it is, by its host: `api.openai.com`."""
    return urlsplit(str(client.base_url)).netloc
