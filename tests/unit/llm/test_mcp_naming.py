"""Names of tools: what MCP allows, made into what OpenAI takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.llm.mcp.naming import legal_name, legal_names

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("add", "add"),
        ("files.read", "files_read"),
        ("admin/users list", "admin_users_list"),
        ("grüße", "gr__e"),
        ("", "_"),
    ],
)
def test_what_is_not_allowed_in_a_name_is_replaced(name: str, legal: str) -> None:
    """Letter by letter, so that a person still knows it."""
    assert legal_name(name) == legal


def test_a_long_name_is_cut_and_stays_different_from_others() -> None:
    """By a mark that is the same at each start."""
    one, other = legal_name("x" * 64 + "one"), legal_name("x" * 64 + "other")

    assert len(one) == len(other) == 64
    assert one != other
    assert one == legal_name("x" * 64 + "one")


def test_a_name_that_is_legal_keeps_it_whoever_comes_first() -> None:
    """The other, which would become the same, is marked."""
    names = legal_names(["files.read", "files_read"])

    assert names["files_read"] == "files_read"
    assert names["files.read"].startswith("files_read_")


@given(st.lists(st.text(max_size=80), unique=True, max_size=20))
def test_names_are_legal_and_all_different(names: list[str]) -> None:
    """Whatever a server calls its tools."""
    made = legal_names(names)

    assert list(made) != [] or names == []
    assert all(LEGAL.fullmatch(name) for name in made.values())
    assert len(set(made.values())) == len(names)
