"""Calls whose answer is compared with what was said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import structs

from agentd.audio.similarity import similarity
from agentd.caller.call import place_call
from agentd.caller.plan import CallPlan, CallReport, random_room

TRIES = 3
WELL = 0.8
"""A likeness that needs no other try; undisturbed ones have 0.9."""

PlaceCall = Callable[[CallPlan], Awaitable[CallReport]]


async def best_answer(plan: CallPlan, place: PlaceCall = place_call) -> CallReport:
    """The answer that is most like what was said, of as many calls as it takes, up to three.

    One is enough on a quiet machine; a busy one tears holes into real-time audio. Each call is
    in a room of its own.
    """
    likeness, best = -1.0, None
    for _ in range(TRIES):
        report = await place(structs.replace(plan, room=random_room()))
        score = similarity(report.recording, plan.speech).score
        if score > likeness:
            likeness, best = score, report
        if likeness > WELL:
            break
    assert best is not None
    return best
