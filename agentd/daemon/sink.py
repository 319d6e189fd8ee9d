"""Where the records and printed lines of children go: into the daemon's own log."""

from __future__ import annotations

from collections.abc import Mapping

from agentd.logs.child_records import emit_child_log, emit_output_line
from agentd.protocol.frames import Log, LogValue


class LogSink:
    """Writes them with the fields that say whose they are."""

    def record(self, frame: Log, fields: Mapping[str, LogValue]) -> None:
        emit_child_log(frame, fields)

    def line(self, text: str, fields: Mapping[str, LogValue]) -> None:
        emit_output_line(text, fields)
