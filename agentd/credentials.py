"""Where keys come from: an argument, the environment, a file, or systemd's credentials."""

from __future__ import annotations

import os

from agentd.errors import ModelError
from agentd.given import NOT_GIVEN, NotGivenOr


def credential(name: str, given: NotGivenOr[str] = NOT_GIVEN) -> str:
    """A placeholder of branch `secrets`: the given key, else the environment's."""
    key = given if isinstance(given, str) else os.environ.get(name, "")
    if not key:
        raise ModelError(f"there is no {name}")
    return key
