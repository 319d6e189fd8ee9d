"""A run of the tests that leaves a process behind has failed, with workers and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.leftovers import has_ended

ROOT = Path(__file__).parents[2]

TESTS = """\
import subprocess
from pathlib import Path

def start(*command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    process.returncode = 0  # else Python warns of it
    return process

def test_one_that_leaves_a_child():
    Path("child").write_text(str(start("sleep", "600").pid))

def test_one_that_leaves_an_orphan():
    shell = start("sh", "-c", "sleep 600 >/dev/null & echo $!")
    Path("orphan").write_bytes(shell.stdout.readline())
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_what_is_left_running_is_told_and_ended(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """Also an orphan, which is nobody's child any more; the tests themselves have passed."""
    (tmp_path / "test_these.py").write_text(TESTS)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", *workers, "--rootdir", "."],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    pids = [int((tmp_path / name).read_text()) for name in ("child", "orphan")]
    assert "2 passed" in ran.stdout
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    told = [line for line in ran.stdout.splitlines() if line.startswith("LEFT BEHIND: ")]
    assert sorted(told) == sorted(f"LEFT BEHIND: {pid} sleep 600" for pid in pids)
    assert [pid for pid in pids if is_running(pid)] == []


def is_running(pid: int) -> bool:
    """Whether more than a zombie is left of a process."""
    return psutil.pid_exists(pid) and not has_ended(psutil.Process(pid))
