"""Which folders are watched."""

from __future__ import annotations

from pathlib import Path

from agentd.daemon.reload import watched_folders


def test_the_folder_of_each_file_is_watched_once() -> None:
    """Folders inside another are watched with it."""
    files = ["/app/main.py", "/app/tools/a.py", "/app/tools/b.py", "/plugin/x.py"]

    assert watched_folders(files) == [Path("/app"), Path("/plugin")]


def test_a_folder_that_only_begins_like_another_is_watched_too() -> None:
    """/app is not the parent of /app2."""
    assert watched_folders(["/app/a.py", "/app2/b.py"]) == [Path("/app"), Path("/app2")]


def test_no_files_are_no_folders() -> None:
    """An app of installed packages only."""
    assert watched_folders([]) == []
