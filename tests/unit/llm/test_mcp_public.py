"""MCP as its users import it, with the extra and without."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentd
from agentd.llm import mcp
from agentd.llm.mcp.http import choose_transport


def test_it_can_be_had_where_users_of_livekit_agents_look() -> None:
    """`from livekit.agents import mcp`, and `livekit.agents.llm.mcp`."""
    assert agentd.mcp is mcp
    assert [name for name in mcp.__all__ if not hasattr(mcp, name)] == []


def test_nothing_loads_the_sdk_unless_it_is_asked_for() -> None:
    """It takes a second."""
    code = "import sys, agentd.llm, agentd.voice.session; print('mcp' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stdout.strip() == "False"


def test_without_the_extra_an_error_says_what_to_install() -> None:
    """Not that some module of some library is missing."""
    code = "import sys; sys.modules['mcp'] = None; from agentd.llm import mcp"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 1
    assert "pip install 'agentd[mcp]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://x/mcp", "streamable_http"),
        ("http://x/mcp/?key=1", "streamable_http"),
        ("http://x/sse", "sse"),
        ("http://x/", "sse"),
        ("http://x/mcp/sse", "sse"),
    ],
)
def test_a_urls_path_says_how_it_is_spoken_to(url: str, kind: str) -> None:
    """livekit-agents' rule; `transport_type` says otherwise."""
    assert choose_transport(url) == kind
