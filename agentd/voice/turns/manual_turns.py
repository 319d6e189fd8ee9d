"""Turns that the user's code commits, and the transcripts that it waits for."""

from __future__ import annotations

import asyncio

from .actions import CommitTurn, TurnDropped


class ManualTurns:
    """Those that were asked for and not answered yet, in their order."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[str]] = []

    def ask(self) -> asyncio.Future[str]:
        """One more; the future gives the transcript, empty where nothing was said."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def answer(self, action: CommitTurn | TurnDropped) -> None:
        """Turn-taking has answered one; others are none of ours."""
        if action.manual and self._waiting:
            self._resolve(self._waiting.pop(0), action.text)

    def close(self) -> None:
        """No more answers come."""
        while self._waiting:
            self._resolve(self._waiting.pop(0), "")

    def _resolve(self, future: asyncio.Future[str], text: str) -> None:
        if not future.done():
            future.set_result(text)
