"""Run in an environment with livekit-agents, with the tree in PYTHONPATH."""

from __future__ import annotations

import pytest

from agentd.room.native import prepare_native_library

pytest.register_assert_rewrite("tests.plugins", "tests.support")

# As in agentd's children: a record of LiveKit's library that comes while Python ends aborts it.
prepare_native_library()
