"""Dispatches that are asked of the daemon: made in LiveKit, with its own key."""

from __future__ import annotations

from typing import Protocol

from agentd.dispatch.seen import DispatchSeen, RoomSeen
from agentd.errors import ControlRefused, RoomApiError, RoomRefused
from agentd.management.health import DaemonView
from agentd.management.operations import DispatchRequest, DispatchView


class Api(Protocol):
    """The server API, as far as a dispatch needs it."""

    async def find_room(self, room_name: str) -> RoomSeen | None: ...

    async def dispatch_agent(
        self, room_name: str, agent_name: str, metadata: str
    ) -> DispatchSeen: ...


async def dispatch(
    api: Api, request: DispatchRequest, *, own_name: str, view: DaemonView
) -> DispatchView:
    """Have LiveKit send an agent to a room; raises ControlRefused where it does not."""
    agent_name = own_name if request.agent_name is None else request.agent_name
    try:
        room = await api.find_room(request.room)
        if room is None and not agent_name:
            raise ControlRefused(
                f"there is no room '{request.room}', and an agent without a name comes by itself "
                "to each room that opens: two would come. Open the room, or give the agent a "
                "name (agent_name).",
                code="conflict",
            )
        made = await api.dispatch_agent(request.room, agent_name, request.metadata)
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
        note=why_not_here(view) if agent_name == own_name else "",
    )


def why_not_here(view: DaemonView) -> str:
    """Why this daemon would not get a job of its agent's; empty where it would. Pure."""
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
