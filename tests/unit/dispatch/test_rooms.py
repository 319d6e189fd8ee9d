"""What is done in rooms from outside: look who is there, ask whether a job is wanted, farewell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import jwt
import msgspec
import pytest
from livekit.protocol import agent, models

from agentd.dispatch.jobs import Job
from agentd.dispatch.rooms import FAILED_TOPIC, Rooms
from agentd.dispatch.seen import DispatchSeen, ParticipantSeen, RoomSeen
from agentd.errors import RoomApiError, RoomGone
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment

T = TypeVar("T")

CALLER = ParticipantSeen(identity="caller", is_agent=False, attributes={})
AGENT = ParticipantSeen(identity="agent-AJ_1", is_agent=True, attributes={})
DISPATCH = DispatchSeen(id="AD_1", room="room", agent_name="parrot")


class ScriptedApi:
    """A server API that answers what it is told to, and remembers what was asked of it."""

    def __init__(
        self,
        *,
        there: list[ParticipantSeen] | None = None,
        dispatches: list[DispatchSeen] | None = None,
        sid: str = "RM_1",
        error: RoomApiError | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.sent: list[tuple[str, str, bytes]] = []
        self.removed: list[tuple[str, str]] = []
        self._there = there or []
        self._dispatches = dispatches or []
        self._sid = sid
        self._error = error

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]:
        self.asked.append("participants")
        self._fail()
        return self._there

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]:
        self.asked.append("dispatches")
        self._fail()
        return self._dispatches

    async def find_room(self, room_name: str) -> RoomSeen | None:
        self.asked.append("room")
        self._fail()
        return RoomSeen(self._sid, room_name) if self._sid else None

    async def send_data(self, room_name: str, topic: str, data: bytes) -> None:
        self._fail()
        self.sent.append((room_name, topic, data))

    async def remove_participant(self, room_name: str, identity: str) -> None:
        self._fail()
        self.removed.append((room_name, identity))

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error


def job() -> Job:
    """A job of the dispatch, in its room."""
    made = Job(JobId("AJ_1"), "room", offered_at=0.0)
    made.assignment = JobAssignment(
        job_id=made.id,
        job=agent.Job(
            id="AJ_1", dispatch_id="AD_1", room=models.Room(sid="RM_1")
        ).SerializeToString(),
        room="room",
        url="ws://there",
        token=jwt.encode({"sub": "agent-AJ_1"}, "x" * 32),
        worker_id="AW_1",
        answer=JobAnswer(accept=True),
    )
    return made


def ask(question: Callable[[Rooms, Job], Awaitable[T]], api: ScriptedApi) -> T:
    """The answer to a question about the job's room."""

    async def run() -> T:
        return await question(Rooms(api), job())

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("api", "why", "asked"),
    [
        (
            ScriptedApi(there=[CALLER, AGENT], dispatches=[DISPATCH]),
            "",
            ["participants", "dispatches"],
        ),
        (
            ScriptedApi(there=[CALLER]),
            "its dispatch is gone",
            ["participants", "dispatches", "room"],
        ),
        (ScriptedApi(there=[AGENT], dispatches=[DISPATCH]), "its room is empty", ["participants"]),
        (ScriptedApi(), "its room is empty", ["participants"]),
        (ScriptedApi(error=RoomGone("gone")), "its room is gone", ["participants"]),
        (ScriptedApi(error=RoomApiError("down")), "", ["participants"]),
    ],
)
def test_a_job_is_worth_going_on_with_while_a_caller_and_its_dispatch_are_there(
    api: ScriptedApi, why: str, asked: list[str]
) -> None:
    """In doubt the call goes on; what one answer settles is not asked again."""
    assert ask(Rooms.why_over, api) == why
    assert api.asked == asked


@pytest.mark.parametrize(
    ("api", "answer"),
    [
        (ScriptedApi(dispatches=[DISPATCH]), True),
        (ScriptedApi(), False),
        (ScriptedApi(sid="RM_built_anew"), True),
        (ScriptedApi(sid=""), False),
        (ScriptedApi(error=RoomGone("gone")), False),
        (ScriptedApi(error=RoomApiError("down")), True),
    ],
)
def test_a_job_is_wanted_while_its_dispatch_is_there(api: ScriptedApi, answer: bool) -> None:
    """In doubt the call goes on."""
    assert ask(Rooms.is_wanted, api) is answer


def test_a_farewell_tells_the_room_why_and_takes_the_dead_agent_out() -> None:
    """Only then is the ghost gone: LiveKit would keep it for twenty seconds."""
    api = ScriptedApi()

    asyncio.run(Rooms(api).farewell(job(), "it died too often"))

    ((room, topic, data),) = api.sent
    assert (room, topic) == ("room", FAILED_TOPIC)
    assert msgspec.json.decode(data) == {
        "job": "AJ_1",
        "identity": "agent-AJ_1",
        "error": "it died too often",
    }
    assert api.removed == [("room", "agent-AJ_1")]


def test_a_farewell_that_nobody_hears_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The daemon has other calls to look after."""
    asyncio.run(Rooms(ScriptedApi(error=RoomApiError("down"))).farewell(job(), "why"))

    assert [record.__dict__["action"] for record in caplog.records] == ["farewell_failed"]


def test_of_a_simulation_livekit_is_asked_nothing() -> None:
    """Its room is a name only."""
    api = ScriptedApi(there=[CALLER, AGENT], dispatches=[DISPATCH])

    async def run() -> str:
        simulated = job()
        simulated.fake = True
        await Rooms(api).farewell(simulated, "its child died")
        return await Rooms(api).why_over(simulated)

    assert asyncio.run(run()) == "it was a simulation, in which nobody waits"
    assert (api.asked, api.sent, api.removed) == ([], [], [])
