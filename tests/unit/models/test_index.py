"""Which index is asked, and which plugins need something from it."""

from __future__ import annotations

import pytest

from agentd.models.index import index_url, project_url
from agentd.models.needs import needed_files


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "https://pypi.org/simple"),
        ({"PIP_INDEX_URL": "http://mirror/simple/"}, "http://mirror/simple"),
        ({"PIP_INDEX_URL": "http://a", "UV_INDEX_URL": "http://b"}, "http://b"),
    ],
)
def test_the_index_is_the_one_that_pip_and_uv_use(environ: dict[str, str], expected: str) -> None:
    """A machine that has a mirror needs no second setting."""
    assert index_url(environ) == expected


def test_a_projects_page_has_its_normal_name() -> None:
    """PEP 503: dots and underscores are dashes there."""
    assert project_url("http://i", "Pipecat_AI.x") == "http://i/pipecat-ai-x/"


def test_a_plugin_without_files_needs_none() -> None:
    """webrtcvad has no model to load."""
    assert needed_files(("webrtcvad",)) == []


def test_what_plugins_need_is_found_where_they_list_it() -> None:
    """`agentd models fetch` without names brings all of it."""
    assert {need.plugin for need in needed_files()} == {"smartturn", "smollm"}
