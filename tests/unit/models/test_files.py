"""What a plugin may say about a file, and where files are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from agentd.models.cache import models_directory, path_of
from agentd.models.files import ModelFile
from agentd.models.index import index_url, project_url
from agentd.models.needs import needed_files
from tests.support.package_index import toy_file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "ABC"}, "'ABC' is no SHA-256"),
        ({"name": "../x"}, "'../x' is no name of a file"),
        ({"size": 0}, "must be positive, but is 0"),
    ],
)
def test_a_file_that_can_not_be_is_refused(change: dict[str, object], message: str) -> None:
    """The value is named, so that the plugin's author finds it."""
    good = structs.asdict(toy_file())

    with pytest.raises(ValueError, match=message):
        ModelFile(**{**good, **change})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AGENTD_MODELS_DIR": "/m"}, Path("/m")),
        ({"XDG_CACHE_HOME": "/c"}, Path("/c/agentd/models")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/agentd/models"),
        ({}, Path.home() / ".cache/agentd/models"),
    ],
)
def test_where_files_are_kept(environ: dict[str, str], expected: Path) -> None:
    """A variable of ours, else the user's cache."""
    assert models_directory(environ) == expected


def test_two_versions_of_a_name_have_two_places() -> None:
    """An update does not spoil what another process has open."""
    other = structs.replace(toy_file(), sha256="0" * 64)

    assert path_of(toy_file(), Path("/m")) != path_of(other, Path("/m"))


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
