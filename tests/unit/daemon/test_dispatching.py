"""A dispatch that is asked of the daemon: for whom, where, and what is told of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentd.daemon.dispatching import dispatch, why_not_here
from agentd.dispatch.seen import DispatchSeen, RoomSeen
from agentd.errors import ControlRefused, RoomApiError, RoomRefused
from agentd.management.health import DaemonView, LinkView
from agentd.management.operations import DispatchRequest
from agentd.supervisor.snapshot import PoolView, TemplateView

POOL = PoolView(
    slots=2,
    children=[],
    idle=1,
    starting=0,
    busy=0,
    waiting=0,
    idle_target=1,
    start_method="fork",
    failures=0,
    last_error="",
)
WELL = DaemonView(
    template=TemplateView(alive=True, pid=1, generation=1, last_error=""),
    pool=POOL,
    link=LinkView(phase="registered"),
    jobs=0,
)


class ScriptedApi:
    """LiveKit, with one room or none."""

    def __init__(self, *rooms: str, error: RoomApiError | None = None) -> None:
        self.rooms = rooms
        self.error = error
        self.made: list[tuple[str, str, str]] = []

    async def find_room(self, room_name: str) -> RoomSeen | None:
        return RoomSeen("RM_1", room_name) if room_name in self.rooms else None

    async def dispatch_agent(self, room_name: str, agent_name: str, metadata: str) -> DispatchSeen:
        if self.error is not None:
            raise self.error
        self.made.append((room_name, agent_name, metadata))
        return DispatchSeen(id="AD_1", room=room_name, agent_name=agent_name)


@pytest.mark.parametrize(("named", "made_for"), [(None, "clerk"), ("cook", "cook")])
async def test_an_agent_is_the_daemons_own_unless_another_is_named(
    named: str | None, made_for: str
) -> None:
    """That a room is made with it is said."""
    api = ScriptedApi()
    request = DispatchRequest(room="lobby", agent_name=named, metadata="hi")

    view = await dispatch(api, request, own_name="clerk", view=WELL)

    assert api.made == [("lobby", made_for, "hi")]
    assert (view.id, view.room_created, view.note) == ("AD_1", True, "")


async def test_an_agent_without_a_name_is_sent_only_to_a_room_that_is_open() -> None:
    """It comes to a new one by itself."""
    api, request = ScriptedApi("lobby"), DispatchRequest(room="lobby")

    assert not (await dispatch(api, request, own_name="", view=WELL)).room_created
    with pytest.raises(ControlRefused, match="two would come") as refused:
        await dispatch(api, replace(request, room="hall"), own_name="", view=WELL)

    assert refused.value.code == "conflict"
    assert len(api.made) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RoomRefused("invalid_argument: too long"), "bad_request"),
        (RoomApiError("no answer within 5 s"), "livekit"),
    ],
)
async def test_what_livekit_does_not_do_is_told(error: RoomApiError, code: str) -> None:
    """Whose fault it is can be told by its code."""
    api = ScriptedApi(error=error)

    with pytest.raises(ControlRefused, match=str(error)) as refused:
        await dispatch(api, DispatchRequest(room="lobby"), own_name="clerk", view=WELL)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (WELL, ""),
        (replace(WELL, draining=True), "drains"),
        (replace(WELL, link=LinkView(phase="connecting")), "not registered with LiveKit"),
        (replace(WELL, pool=replace(POOL, busy=2)), "all slots of this daemon are taken"),
    ],
)
async def test_that_the_job_can_not_come_here_is_said(view: DaemonView, words: str) -> None:
    """Only of a dispatch for this daemon's own agent."""
    request = DispatchRequest(room="lobby")

    own = await dispatch(ScriptedApi(), request, own_name="clerk", view=view)
    other = replace(request, agent_name="cook")
    of_another = await dispatch(ScriptedApi(), other, own_name="clerk", view=view)

    assert own.note == why_not_here(view)
    assert words in own.note
    assert of_another.note == ""
