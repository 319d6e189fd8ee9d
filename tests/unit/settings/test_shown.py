"""Masking."""

from __future__ import annotations

import pytest

from agentd.settings.fields import Value
from agentd.settings.shown import shown_value


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("api_secret", "s3cret", "********"),
        ("api_secret", "", ""),
        ("http_proxy", "http://me:pw@proxy:1", "http://me:********@proxy:1"),
        ("url", "ws://localhost:7880", "ws://localhost:7880"),
        ("offer_timeout", 9.0, "9"),
        ("max_jobs", 3, "3"),
    ],
)
def test_secrets_and_passwords_are_masked(name: str, value: Value, shown: str) -> None:
    """A table can be pasted into a bug report."""
    assert shown_value(name, value) == shown
