"""What a watcher may ask of the work on a speech."""

from __future__ import annotations

from typing import Protocol

from agentd.voice.options import OutageKind

from .run import ToolCallRun


class Work(Protocol):
    """A reply, or something that is said."""

    def stages(self) -> dict[str, str]:
        """What each stage is doing, for people."""

    def can_retry(self) -> bool:
        """Whether beginning the step that is under way anew does no harm."""

    def retry(self) -> None:
        """Begin that step anew."""

    @property
    def tools_at_work(self) -> list[ToolCallRun]:
        """The calls of tools that it waits for."""

    def waits_for(self) -> OutageKind | None:
        """The kind of the model that has given nothing yet of the step that is under way."""

    def fail(self, error: Exception) -> None:
        """Have the language model's part of the step fail of this, if it still waits for it."""

    def so_far(self, at: float) -> tuple[str, str]:
        """What was heard of the step up to an instant, and what is known of the rest."""
