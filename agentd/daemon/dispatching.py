"""Dispatches that are asked of the daemon: made in LiveKit, with its own key."""

from __future__ import annotations

from agentd.errors import ControlRefused, RoomApiError, RoomRefused
from agentd.management.operations import DispatchRequest, DispatchView

from .parts import Parts


async def dispatch(parts: Parts, request: DispatchRequest) -> DispatchView:
    """Have LiveKit send an agent to a room; raises ControlRefused where it does not."""
    own_name = parts.agent_name
    agent_name = own_name if request.agent_name is None else request.agent_name
    try:
        room = await parts.api.find_room(request.room)
        made = await parts.api.dispatch_agent(
            request.room, agent_name, request.metadata, request.attributes
        )
    except RoomRefused as error:
        raise ControlRefused(f"LiveKit does not take that: {error}", code="bad_request") from error
    except RoomApiError as error:
        raise ControlRefused(
            f"LiveKit made no dispatch, as far as is known: {error}", code="livekit"
        ) from error
    return DispatchView(
        id=made.id,
        room=made.room,
        agent_name=made.agent_name,
        room_created=room is None,
        note=_why_not_here(parts) if agent_name == own_name else "",
    )


def _why_not_here(parts: Parts) -> str:
    """Why this daemon would not get the job; empty where it would."""
    view = parts.view()
    if view.draining:
        return "this daemon drains: another worker of that name has to take the job"
    if view.link.phase != "registered":
        return (
            f"this daemon is not registered with LiveKit ({view.link.phase}): it gets the job "
            "once it is, if no other worker has taken it"
        )
    if view.pool.busy >= view.pool.slots:
        return "all slots of this daemon are taken: it gets the job once one is free"
    return ""
