"""Short random names."""

from __future__ import annotations

import re

from agentd.ids import shortuuid


def test_a_name_has_its_prefix_and_is_new() -> None:
    """Letters that need no escaping anywhere."""
    made = {shortuuid("item_") for _ in range(1000)}

    assert len(made) == 1000
    assert all(re.fullmatch(r"item_[0-9a-f]{12}", name) for name in made)
