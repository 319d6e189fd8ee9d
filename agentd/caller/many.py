"""Many callers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.audio.pcm import Clip

from .conversation import hold_conversation
from .plan import Access, random_room
from .results import CallResult
from .script import Script


class Crowd(Struct, frozen=True, kw_only=True):
    """How many call, and how they come."""

    callers: int = 1
    ramp: float = 0.0
    """Seconds over which their first calls are spread."""


async def call_all(
    access: Access,
    script_for: Callable[[int], Script],
    clips: Mapping[str, Clip],
    crowd: Crowd,
    *,
    told: Callable[[CallResult], None],
) -> list[CallResult]:
    """All calls of all callers, each in a room of its own unless there is one; `told` hears of each
    as it is over. `script_for` gives a caller's script by its number, which begins with 1."""
    calls: list[CallResult] = []

    async def be_caller(caller: int) -> None:
        await asyncio.sleep(crowd.ramp * (caller - 1) / crowd.callers)
        script = script_for(caller)
        for turn in range(script.repeat):
            number = (caller - 1) * script.repeat + turn + 1
            alone = crowd.callers == script.repeat == 1
            room = access.room if alone else random_room()
            called = replace(access, room=room)
            result = await hold_conversation(called, script, clips, number=number, caller=caller)
            calls.append(result)
            told(result)

    async with TaskOwner("callers") as tasks:
        work = [
            tasks.start(be_caller(caller), name=str(caller), report=False)
            for caller in range(1, crowd.callers + 1)
        ]
        await asyncio.gather(*work)
    return calls
