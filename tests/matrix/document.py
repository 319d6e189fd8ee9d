"""`python -m tests.matrix.document` writes docs/fault-matrix.md from the tests' tables."""

from __future__ import annotations

from pathlib import Path

from tests.matrix import (
    test_llm_faults,
    test_realtime_fallback_faults,
    test_realtime_faults,
    test_stt_faults,
    test_stt_stream_faults,
    test_tts_faults,
)
from tests.matrix.rows import Row

DOCUMENT = Path(__file__).parents[2] / "docs" / "fault-matrix.md"

INTRODUCTION = """\
# When a service fails: the fault matrix

Each line is a test in `tests/matrix`: a session asks the real plugin `openai`, which asks a server
on loopback (`agentd.testing.mock_openai`) that fails in this way; the outcome, what the
conversation remembers, and an end within a deadline are checked. This file is made of the tests'
own tables by `python -m tests.matrix.document`; a test holds it to them.

Unless a line says otherwise the fault goes on for all tries of the turn and is over after it. Where
everything goes on failing, the agent says so and stays:
[operations](operations.md#when-a-service-is-down).
"""

PARTS: dict[str, list[Row]] = {
    "LLM (chat completions)": test_llm_faults.ROWS,
    "STT, utterances (`/audio/transcriptions`)": test_stt_faults.ROWS,
    "STT, streams (WebSocket)": test_stt_stream_faults.ROWS,
    "TTS (`/audio/speech`)": test_tts_faults.ROWS,
    "Realtime (WebSocket)": [*test_realtime_faults.ROWS, *test_realtime_fallback_faults.ROWS],
}


def text() -> str:
    """The whole document."""
    parts = [INTRODUCTION]
    for title, rows in PARTS.items():
        parts += [f"\n## {title}\n\n", "| fault | fallback | outcome |\n|---|---|---|\n"]
        parts += [
            f"| `{row.fault}` | {'yes' if row.fallback else 'no'} | {row.outcome} |\n"
            for row in rows
        ]
    return "".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(text())
