"""Imports an app as a template does, and tells what it is and what its import left running."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from agentd.aio.timing import monotonic
from agentd.app.describe import describe
from agentd.app.usererror import user_traceback
from agentd.child.entrypoint import load_app
from agentd.doctor.facts import IMPORT_BEGINS, AppFacts, AppQuestion, ThreadFact
from agentd.doctor.probes.answering import question
from agentd.doctor.probes.models import models_of
from agentd.errors import AppError, AppImportFailed
from agentd.plugins import installed
from agentd.room.native import prepare_native_library
from agentd.supervisor.procfs import process_memory
from agentd.template.fork import threads

TASKS = Path("/proc/self/task")


class ThreadWatch:
    """Notes which import starts threads: Python's own by their start, others by their number."""

    def __init__(self) -> None:
        self.python: dict[str, str] = {}
        """Where each thread of Python's was started, by its name."""
        self.native: list[str] = []
        """The modules during whose import others appeared."""
        self._importing = ""
        self._count = 0
        self._start = threading.Thread.start

    def begin(self) -> None:
        """Watch from here on."""
        self._look()
        threading.Thread.start = self._note_start(self._start)  # type: ignore[method-assign]
        sys.addaudithook(self._note_import)

    def close(self) -> None:
        """Take what the last import has started, too."""
        self._look()

    def started_by(self, name: str) -> str:
        """The module that started a thread, as far as it is known."""
        return self.python.get(name) or ", ".join(dict.fromkeys(self.native)) or "unknown"

    def _note_start(self, start: Any) -> Any:
        def noting(thread: threading.Thread) -> None:
            self.python[thread.name] = importing_place(inspect.currentframe())
            start(thread)

        return noting

    def _note_import(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and isinstance(arguments[0], str):
            self._look()
            self._importing = arguments[0]

    def _look(self) -> None:
        count = sum(1 for _ in os.scandir(TASKS)) - threading.active_count()
        if count > self._count and self._importing:
            self.native.append(self._importing)
        self._count = count


def importing_place(frame: FrameType | None) -> str:
    """The innermost module that is being run, and where in it."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and "importlib" not in frame.f_code.co_filename:
            name = frame.f_globals.get("__name__", "?")
            return f"{name} ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


def look(asked: AppQuestion) -> AppFacts:
    """Import the app, and look around."""
    prepare_native_library()
    watch = ThreadWatch()
    watch.begin()
    sys.stderr.write(f"\n{IMPORT_BEGINS}\n")
    sys.stderr.flush()
    began_at = monotonic()
    try:
        app = load_app(asked.app)
        info = describe(app)
    except AppError as error:
        return AppFacts(error=str(error), line=last_line(error))
    seconds = monotonic() - began_at
    watch.close()
    memory = process_memory(os.getpid())
    return AppFacts(
        info=info,
        seconds=seconds,
        threads=tuple(
            ThreadFact(name=name, started_by=watch.started_by(name)) for name in threads()
        ),
        rss_mb=0.0 if memory is None else memory.rss_mb,
        plugins=tuple(name for name, entry in installed().items() if entry.module in sys.modules),
        models=tuple(label for label, _ in models_of()),
    )


def last_line(error: AppError) -> str:
    """The innermost line of the user's traceback, where there is one."""
    text = error.traceback if isinstance(error, AppImportFailed) else user_traceback(error)
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    return lines[-1] if lines else ""


def main() -> int:
    asked, answer = question(AppQuestion)
    answer(look(asked))
    # Threads of the app's may never end.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
