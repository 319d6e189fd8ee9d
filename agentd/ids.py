"""Short random names for things that are made while a process runs."""

from __future__ import annotations

import secrets

RANDOM_BYTES = 6
"""2**48 values: no two alike among the items and requests of a conversation."""


def shortuuid(prefix: str = "") -> str:
    """A new name, such as `item_1f0a9c3b7d2e` for the prefix `item_`."""
    return prefix + secrets.token_hex(RANDOM_BYTES)
