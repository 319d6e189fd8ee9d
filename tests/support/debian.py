"""agentd's Debian package with this checkout as its program, and what it needs to run here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.machine import Machine

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "packaging" / "debian" / "build.sh"

WATCHDOG = 5
"""Seconds; the package has 30, which nobody waits for here."""

HOMES = ("/home/", "/root/", "/run/user/")
"""Where ProtectHome=yes lets nobody look."""


def whole_package() -> Path | None:
    """The package that `make deb-test` has built, where it is that which runs us."""
    named = os.environ.get("AGENTD_TEST_DEB", "")
    return Path(named) if named else None


def build_package(folder: Path) -> Path:
    """agentd's Debian package, whose program is this checkout's: an environment of its own would
    take minutes to build (`make deb-test` does)."""
    program = folder / "payload" / "bin" / "agentd"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.prefix}/bin/python -m agentd "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [str(BUILD), str(folder), str(folder / "payload")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return Path(done.stdout.strip())


def for_this_machine() -> str:
    """What a service needs to run a checkout, and a Python, that may be below somebody's home or
    /tmp, which the unit hides."""
    lines = ["[Service]", f"WatchdogSec={WATCHDOG}"]
    if whole_package() is None:
        lines.append(f"Environment=PYTHONPATH={ROOT}")
    needed = (sys.base_prefix, str(ROOT))
    if any(path.startswith(HOMES) for path in needed):
        lines.append("ProtectHome=tmpfs")
    lines += [f"BindReadOnlyPaths={path}" for path in needed]
    return "\n".join(lines) + "\n"


def install(machine: Machine, package: Path) -> None:
    """Install the package; the Python that runs is the checkout's, so its own is not needed."""
    machine.run("dpkg", "--force-depends", "--force-unsafe-io", "--no-triggers", "-i", str(package))
