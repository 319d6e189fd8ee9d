"""What is kept of a conversation: a recording of both sides, and a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from agentd.aio.timing import wall_time
from agentd.errors import DirectoryUnusable
from agentd.recording.options import recording_path
from agentd.recording.recorder import RecorderIO
from agentd.voice.session import AgentSession

REPORT = "session_report.json"


class Keeper:
    """Keeps one conversation in a directory of its own below the one that was named."""

    def __init__(self, directory: str, *, lost: Callable[[str], None]) -> None:
        """Raises DirectoryUnusable."""
        began = datetime.fromtimestamp(wall_time(), UTC).astimezone()
        self.directory = Path(directory) / f"session-{began:%m-%d-%H%M%S}"
        self._lost = lost
        self._began_at = began.isoformat(timespec="seconds")
        self._recorder: RecorderIO | None = None
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DirectoryUnusable(
                f"nothing can be recorded in '{directory}': {error.strerror}"
            ) from error

    async def record(self, session: AgentSession[Any]) -> None:
        """Record what is heard and said from now on."""
        path = recording_path(True, lambda: self.directory)
        assert path is not None
        self._recorder = RecorderIO(path, lost=self._lost)
        await self._recorder.start(session.input, session.output)

    async def close(self, session: AgentSession[Any] | None, *, error: str) -> None:
        """Complete the recording, and write the report. Raises DirectoryUnusable."""
        if self._recorder is not None:
            await self._recorder.aclose()
        document = {
            "began_at": self._began_at,
            "error": error,
            "recording": self._recorder.path.name if self._recorder is not None else None,
            "history": session.history.to_dict(exclude_timestamp=False)["items"]
            if session is not None
            else [],
        }
        try:
            data = msgspec.json.format(msgspec.json.encode(document), indent=2)
            (self.directory / REPORT).write_bytes(data + b"\n")
        except OSError as failed:
            raise DirectoryUnusable(
                f"'{self.directory / REPORT}' could not be written: {failed.strerror}"
            ) from failed
