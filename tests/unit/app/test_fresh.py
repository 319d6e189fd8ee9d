"""The app's source as it is saved, however quickly it is saved again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from agentd.app.fresh import compile_sources_anew
compile_sources_anew()
import answering
import email.mime.text
print(answering.ANSWER, answering.__cached__ is not None, type(email.mime.text.__loader__).__name__)
"""


def answer(folder: Path) -> list[str]:
    """What a new process finds in the module."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(folder=str(folder))],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.split()


def save(module: Path, text: str) -> None:
    """As an editor does, within one second of the clock that Python looks at."""
    module.write_text(text)
    os.utime(module, (1_700_000_000, 1_700_000_000))


def test_a_second_save_of_equal_size_in_one_second_is_seen(tmp_path: Path) -> None:
    """Python's own cache would give the first one."""
    module = tmp_path / "answering.py"
    save(module, "ANSWER = 1\n")
    first = answer(tmp_path)
    save(module, "ANSWER = 2\n")

    second = answer(tmp_path)

    assert [first[0], second[0]] == ["1", "2"]
    assert not (tmp_path / "__pycache__").exists()


def test_installed_packages_keep_their_cache(tmp_path: Path) -> None:
    """The standard library is not compiled anew for each template."""
    save(tmp_path / "answering.py", "ANSWER = 1\n")

    assert answer(tmp_path)[2] == "SourceFileLoader"
