"""Tests of agentd.models.files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agentd.errors import ModelFileMissing
from agentd.models import ModelFile, find, is_intact
from agentd.models.files import cached_path
from agentd.settings.layers import unknown_variables
from agentd.settings.paths import models_directory

WEIGHTS = b"weights"
FILE = ModelFile(
    name="tiny.onnx",
    package="some-models",
    version="1.2.3",
    path_in_wheel="some/data/tiny.onnx",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    size=len(WEIGHTS),
)


def put(directory: Path, content: bytes) -> Path:
    """Place something where the file belongs."""
    path = cached_path(FILE, directory)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_file_that_is_there_is_found(tmp_path: Path) -> None:
    """Under its package and version, so that two versions do not meet."""
    path = put(tmp_path, WEIGHTS)

    assert find(FILE, tmp_path) == path
    assert path.relative_to(tmp_path) == Path("some-models-1.2.3/tiny.onnx")


def test_a_file_that_is_not_there_has_a_remedy(tmp_path: Path) -> None:
    """The error names file, package and command."""
    with pytest.raises(
        ModelFileMissing, match=r"some-models 1.2.3, is not there: run `agentd models fetch`"
    ):
        find(FILE, tmp_path)


def test_a_file_that_was_cut_short_is_as_good_as_none(tmp_path: Path) -> None:
    """A model that is loaded from half a file may crash the process."""
    put(tmp_path, WEIGHTS[:3])

    with pytest.raises(ModelFileMissing, match="has 3 bytes instead of 7"):
        find(FILE, tmp_path)


def test_what_is_in_a_file_can_be_proved(tmp_path: Path) -> None:
    """By its hash."""
    path = put(tmp_path, WEIGHTS)
    assert is_intact(FILE, path)

    path.write_bytes(b"weight$")
    assert not is_intact(FILE, path)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AGENTD_MODELS_DIR": "/data/models"}, Path("/data/models")),
        ({"AGENTD_MODELS_DIR": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/var/cache"}, Path("/var/cache/agentd/models")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/agentd/models"),
        ({"AGENTD_MODELS_DIR": " "}, Path.home() / ".cache/agentd/models"),
    ],
)
def test_the_directory_is_the_user_s_or_the_cache_s(
    environ: dict[str, str], expected: Path
) -> None:
    """Our own variable first, then XDG's."""
    assert models_directory(environ) == expected


def test_its_variable_is_not_taken_for_a_misspelt_setting() -> None:
    """Nobody is warned who sets it."""
    assert unknown_variables({"AGENTD_MODELS_DIR": "/x"}) == []
