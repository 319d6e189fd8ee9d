"""How a user names an app: `file.py`, `file.py:name` or `module:name`."""

from __future__ import annotations

from pathlib import Path

from agentd.errors import AppNotFound
from agentd.protocol.app import AppRef

__all__ = ["AppRef", "parse_app_ref"]


def parse_app_ref(text: str) -> AppRef:
    """Read an app's name as typed; raises AppNotFound for a file that is not there."""
    target, _, name = text.partition(":")
    if not target:
        raise AppNotFound(f"'{text}' names no app: give file.py, file.py:name or module:name")
    looks_like_file = target.endswith(".py") or "/" in target
    if not looks_like_file:
        return AppRef(target=target, name=name)
    path = Path(target).expanduser().resolve()
    if not path.is_file():
        raise AppNotFound(f"there is no file '{target}' (looked for {path})")
    return AppRef(target=str(path), name=name)
