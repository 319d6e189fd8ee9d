"""The room as its users see it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentd.llm
from agentd.llm import tool_context


@pytest.mark.parametrize("name", agentd.llm.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    """All that `__all__` says."""
    assert hasattr(agentd.llm, name)


@pytest.mark.parametrize("name", tool_context.__all__)
def test_names_can_be_had_where_users_of_livekit_agents_look(name: str) -> None:
    """They are the same things."""
    assert getattr(tool_context, name) is getattr(agentd.llm, name)


def test_importing_the_room_loads_no_pydantic_and_no_provider() -> None:
    """They are loaded when somebody uses them; tools of plain types need neither."""
    code = (
        "import sys\n"
        "from agentd.llm import function_tool\n"
        "@function_tool\n"
        "def f(x: int) -> None: ...\n"
        "f.schema()\n"
        "print(*(sys.modules.keys() & {'pydantic', 'openai', 'livekit', 'aiohttp'}))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert loaded.stdout.split() == []
