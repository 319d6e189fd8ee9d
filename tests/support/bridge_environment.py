"""A virtual environment with livekit-agents and plugins of it, made once, outside of the tree."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

BRIDGE = Path(__file__).parents[2] / "bridges" / "livekit"
REQUIREMENTS = BRIDGE / "requirements.txt"
INSTALL_TIMEOUT = 600.0
DONE = ".complete"


class NoEnvironment(Exception):
    """It can't be had; the message says why."""


def bridge_python() -> Path:
    """The Python of it; raises NoEnvironment. Other requirements make another environment."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = _cache() / f"bridge-livekit-{wanted}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may begin on one machine
        if not (folder / DONE).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of an installation that was broken off
            _make(folder)
            (folder / DONE).touch()
    return folder / "bin" / "python"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "agentd"


def _make(folder: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    python = str(folder / "bin" / "python")
    _run([uv, "pip", "install", "--quiet", "--python", python, "-r", str(REQUIREMENTS)])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise NoEnvironment(f"{' '.join(command)}: {error.stderr.strip()[-2000:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEnvironment(f"{' '.join(command)}: {error}") from error
