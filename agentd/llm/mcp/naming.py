"""Names of tools as a model's provider takes them. Pure.

MCP lets a server call a tool almost anything; OpenAI takes letters, digits, `_` and `-`, and no
more than 64 of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

MAX_NAME = 64
ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
MARK = 8
"""Letters of what tells two names apart that would be one."""


def legal_name(name: str) -> str:
    """A name without what is not allowed in one; one that is too long ends in a mark of its own."""
    cleaned = ILLEGAL.sub("_", name) or "_"
    return cleaned if len(cleaned) <= MAX_NAME else _marked(cleaned, name)


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """The legal name of each; those that are legal as they are keep theirs.

    Two that would become the same are told apart by a mark, which is the same at each start.
    """
    given = list(dict.fromkeys(names))
    made = {name: name for name in given if legal_name(name) == name}
    taken = set(made)
    for name in given:
        if name not in made:
            wanted = legal_name(name)
            made[name] = _marked(wanted, name) if wanted in taken else wanted
            taken.add(made[name])
    return made


def _marked(cleaned: str, name: str) -> str:
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:MARK]
    return f"{cleaned[: MAX_NAME - MARK - 1]}_{mark}"
