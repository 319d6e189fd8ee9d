"""A virtual environment with livekit-agents, made on first use outside of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = ("livekit-agents==1.8.9", "numpy>=2,<3", "webrtcvad-wheels>=2.0.14,<3")
FOLDER = "bench-livekit-agents-1.8.9"
INSTALL_TIMEOUT = 600.0
DONE = ".complete"


class NoPeer(Exception):
    """livekit-agents can't be had; the message says why."""


def peer_python() -> Path:
    """The Python of an environment with livekit-agents; raises NoPeer."""
    folder = _cache() / FOLDER
    python = folder / "bin" / "python"
    if not (folder / DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)  # of an installation that was broken off
        _make(folder, python)
        (folder / DONE).touch()
    return python


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "agentd"


def _make(folder: Path, python: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise NoPeer(f"{uv} is missing: run make setup")
    print(f"installing {REQUIREMENTS[0]} into {folder}, once", file=sys.stderr)
    _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)])
    _run([str(uv), "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise NoPeer(f"it could not be installed: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPeer(f"it could not be installed: {error}") from error
