"""Looks: takes pictures now and then from the video input, and shows them to a model that sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agentd.aio.tasks import TaskOwner
from agentd.app.usererror import error_fields
from agentd.io import AgentInput, VideoFrame, VideoInput

logger = logging.getLogger("agentd.voice")


class Eyes:
    """The session's. `run` is its work."""

    def __init__(
        self,
        input: AgentInput,
        *,
        sample: Callable[[VideoFrame], bool],
        show: Callable[[VideoFrame], Awaitable[None]],
    ) -> None:
        """`sample` says which pictures are looked at; they are given to `show`."""
        self.latest: VideoFrame | None = None
        """The last one that was looked at, while there is something to look at."""
        self._input = input
        self._sample = sample
        self._show = show
        self._sampler_failed = False
        self._changed = asyncio.Event()
        input.subscribe(self._changed.set)

    async def run(self) -> None:
        """Look at whatever input there is, until cancelled. Raises what the input raises."""
        while True:
            self._changed.clear()
            source = self._input.active_video
            if source is None:
                self.latest = None
                await self._changed.wait()
            else:
                await self._look_until_changed(source)

    async def _look_until_changed(self, source: VideoInput) -> None:
        async with TaskOwner("eyes") as owner:
            changed = owner.start(self._changed.wait(), name="input changed")
            looking = owner.start(self._look(source), name="looking", report=False)
            await asyncio.wait({changed, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                looking.result()
                self.latest = None
                await changed

    async def _look(self, source: VideoInput) -> None:
        async for frame in source:
            if self._is_wanted(frame):
                self.latest = frame
                await self._show_one(frame)

    def _is_wanted(self, frame: VideoFrame) -> bool:
        try:
            return self._sample(frame)
        except Exception as error:  # noqa: BLE001 - the user's sampler; the call goes on blind
            if not self._sampler_failed:  # it would be said of each picture
                self._sampler_failed = True
                logger.error(
                    "the video sampler failed: its pictures are left out",
                    extra={"action": "video_sampler_failed", **error_fields(error)},
                )
            return False

    async def _show_one(self, frame: VideoFrame) -> None:
        try:
            await self._show(frame)
        except (ValueError, TypeError) as error:
            logger.warning(
                "a picture of the video input is none: it is left out",
                extra={"action": "picture_unusable", "error": str(error)},
            )
