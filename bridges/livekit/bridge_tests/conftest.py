"""Run in an environment with livekit-agents, with the tree in PYTHONPATH."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.plugins", "tests.support")
