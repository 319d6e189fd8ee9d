"""Watches the app's files and has the app imported anew when one changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import watchfiles

from agentd.protocol.app import AppInfo

logger = logging.getLogger("agentd.daemon")

DEBOUNCE_MS = 200
"""A save may be several writes; a reload waits until they have been quiet for `STEP_MS`."""
STEP_MS = 40


async def watch_app(app: AppInfo, reload: Callable[[str], None]) -> None:
    """Reload on each change of the app's files, and of files beside them, until cancelled.

    `reload` is told the names of those that changed.
    """
    folders = watched_folders(app.files)
    if not folders:
        logger.warning(
            "nothing to watch: the app has no files of its own", extra={"action": "watch_nothing"}
        )
        return
    logger.info(
        "watching for changes",
        extra={"action": "watching", "folders": [str(folder) for folder in folders]},
    )
    async for changes in watchfiles.awatch(
        *folders,
        watch_filter=watchfiles.PythonFilter(),
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        recursive=True,
    ):
        changed = ", ".join(sorted({Path(path).name for _, path in changes}))
        logger.info(
            "the app changed; it is imported anew",
            extra={"action": "reloading", "files": changed},
        )
        reload(changed)


def watched_folders(files: Iterable[str]) -> list[Path]:
    """The folders of an app's files, those inside another left out."""
    folders = sorted({Path(file).parent for file in files})
    return [
        folder
        for folder in folders
        if not any(other in folder.parents for other in folders if other != folder)
    ]
