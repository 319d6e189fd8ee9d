"""A fresh token for a job that goes on: the one it had may have expired meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

TOKEN_SECONDS = 6 * 3600
"""As long as livekit-api's own tokens are valid."""

EARLIER = 10
"""Seconds that a token is valid before it was made, for servers whose clock is behind."""


def renew_token(token: str, *, api_key: str, api_secret: str, now: float) -> str:
    """The same grants and identity, signed by us, valid from now on.

    The old signature is not checked: LiveKit gave us the token itself. `now` is in seconds
    since the epoch. Raises ValueError for what is no token.
    """
    fresh = {
        **_claims(token),
        "iss": api_key,
        "nbf": int(now) - EARLIER,
        "exp": int(now) + TOKEN_SECONDS,
    }
    return jwt.encode(fresh, api_secret, algorithm="HS256")


def token_identity(token: str) -> str:
    """The identity that a token grants; empty where it can't be read."""
    try:
        return str(_claims(token).get("sub", ""))
    except ValueError:
        return ""


def _claims(token: str) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise ValueError(f"the token can't be read: {error}") from error
    return claims
