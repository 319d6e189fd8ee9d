"""Where named models are asked, and with which key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import jwt
from msgspec import Struct

from agentd.aio.timing import wall_time
from agentd.credentials import credential, optional_credential
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.settings.load import environment

GATEWAY_URL = "https://agent-gateway.livekit.cloud/v1"
URL_VARIABLE = "LIVEKIT_INFERENCE_URL"
KEY_NAME = "LIVEKIT_INFERENCE_API_KEY"
SECRET_NAME = "LIVEKIT_INFERENCE_API_SECRET"
TOKEN_SECONDS = 600
"""As long as a token is valid; each request has a new one."""

OPENAI_HOST = "api.openai.com"

Key: TypeAlias = str | Callable[[], Awaitable[str]]


class Gateway(Struct, frozen=True, kw_only=True):
    """An address, and what its requests are signed with."""

    url: str
    key: Key

    @property
    def host(self) -> str:
        """Whose it is."""
        return urlsplit(self.url).netloc

    @property
    def is_livekit(self) -> bool:
        """Whether it is LiveKit's own."""
        return self.host == urlsplit(GATEWAY_URL).netloc

    def model(self, name: str) -> str:
        """A model's name there: OpenAI itself does not call its models `openai/...`."""
        return name.removeprefix("openai/") if self.host == OPENAI_HOST else name


def gateway(
    *,
    base_url: NotGivenOr[str] = NOT_GIVEN,
    api_key: NotGivenOr[str] = NOT_GIVEN,
    api_secret: NotGivenOr[str] = NOT_GIVEN,
) -> Gateway:
    """Where to ask: the given URL, else LIVEKIT_INFERENCE_URL, else LiveKit's gateway.

    With a key and a secret (given, or LIVEKIT_INFERENCE_API_KEY and _SECRET, or at LiveKit's
    gateway LIVEKIT_API_KEY and _SECRET) a token is signed for each request. A key alone is sent
    as it is; another gateway than LiveKit's may have none. Raises MissingCredential where
    LiveKit's has none.
    """
    url = base_url if is_given(base_url) else environment().get(URL_VARIABLE) or GATEWAY_URL
    is_livekit = urlsplit(url).netloc == urlsplit(GATEWAY_URL).netloc
    key = optional_credential(KEY_NAME, api_key)
    secret = optional_credential(SECRET_NAME, api_secret)
    if is_livekit and not (key and secret):
        key = credential("LIVEKIT_API_KEY", key if key else NOT_GIVEN)
        secret = credential("LIVEKIT_API_SECRET", secret if secret else NOT_GIVEN)
    return Gateway(url=url, key=_signing(key, secret) if key and secret else key or "none")


def make_token(key: str, secret: str, *, now: float) -> str:
    """A token for models only; `now` is in seconds since the epoch."""
    claims = {
        "iss": key,
        "sub": "agent",
        "nbf": int(now),
        "exp": int(now) + TOKEN_SECONDS,
        "inference": {"perform": True},
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def _signing(key: str, secret: str) -> Key:
    async def sign() -> str:
        return make_token(key, secret, now=wall_time())

    return sign
