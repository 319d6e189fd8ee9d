"""Dispatches that the real server has forgotten get their agent after all, and exactly one."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from livekit import api

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.dispatch.roomapi import RoomApi
from agentd.dispatch.seen import DispatchSeen
from agentd.settings.model import LiveKitSettings
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import DEADLINE, Callers, Daemon, kill, running_daemon, write_app
from tests.support.reconciling import race
from tests.support.tcp_proxy import proxy_to

AGENT = api.ParticipantInfo.Kind.AGENT

RECREATED = "dispatch_recreated"

GHOST_TIME = 25.0
"""Seconds for livekit-server to notice that an agent's host has died (measured: 19 to 22)."""


async def dispatched(callers: Callers, agent_name: str, task: str) -> str:
    """A new room with a dispatch in it; returns its name."""
    room_name = f"room-{uuid.uuid4().hex[:8]}"
    request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=room_name, metadata=task)
    await callers.client.agent_dispatch.create_dispatch(request)
    return room_name


async def dispatch(callers: Callers, agent_name: str, task: str) -> str:
    """The same with a caller in it."""
    room_name = await dispatched(callers, agent_name, task)
    await callers.join(room_name)
    return room_name


async def agents_in(callers: Callers, room_name: str) -> list[str]:
    """Identities, as the server has them: callers hear of a silent agent up to 3 s late."""
    request = api.ListParticipantsRequest(room=room_name)
    answer = await callers.client.room.list_participants(request)
    return [each.identity for each in answer.participants if each.kind == AGENT]


async def wait_gone(callers: Callers, room_name: str, identity: str, timeout: float) -> float:
    """When somebody has left, to 0.1 s: the server tells nobody at once, so this asks."""
    deadline_at = now() + timeout
    while identity in await agents_in(callers, room_name):
        assert now() < deadline_at, f"{identity} is still there after {timeout:g} s"
        await asyncio.sleep(0.1)
    return now()


def new_name() -> str:
    return f"agent-{uuid.uuid4().hex[:8]}"


def named(name: str) -> dict[str, str]:
    return {"AGENTD_AGENT_NAME": name}


async def serves_what_came_before_it(
    server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A dispatch, then the daemon."""
    name = new_name()
    dispatched_at = now()
    room_name = await dispatch(callers, name, "hold")
    async with running_daemon(
        workdir, "start", "app.py", server=server, environ=named(name)
    ) as daemon:
        await daemon.wait_for(message="holding", room=room_name)

        waited = now() - dispatched_at
        print(f"\nbefore the daemon: agent after {waited:.2f} s")  # noqa: T201
        assert waited < 15.0
        assert len(daemon.seen(action="dispatch_recreated")) == 1
        await callers.say(room_name, "end")
        assert await daemon.stop() == 0


async def serves_what_came_while_full(
    server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """One slot, taken; a dispatch; and the slot is free again when that is old."""
    name = new_name()
    async with running_daemon(
        workdir, "start", "app.py", "--max-jobs", "1", server=server, environ=named(name)
    ) as daemon:
        await daemon.wait_ready()
        first = await dispatch(callers, name, "hold")
        await daemon.wait_for(message="holding", room=first)
        second = await dispatch(callers, name, "hold")
        with pytest.raises(TimeoutError):  # longer than an offer can be pending
            await within(now() + 13.0, daemon.wait_for(message="holding", room=second))
        freed_at = now()
        await callers.say(first, "end")

        await daemon.wait_for(message="holding", room=second)

        waited = now() - freed_at
        print(f"\nwhile full: agent {waited:.2f} s after the slot was free")  # noqa: T201
        assert waited < 5.0
        assert len(daemon.seen(action="dispatch_recreated")) == 1
        # The first job has ended as it should: nobody comes again.
        assert await agents_in(callers, first) == []
        await callers.say(second, "end")
        assert await daemon.stop() == 0


@pytest.mark.timeout(60)
async def test_forgotten_dispatches_are_made_again(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Made before the daemon is up, or while it is full: within 15 s, or 5 s of a free slot."""
    before, full = workdir / "before", workdir / "full"
    for root in (before, full):
        root.mkdir()
        write_app(root)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serves_what_came_before_it(livekit_server, callers, before))
        tasks.create_task(serves_what_came_while_full(livekit_server, callers, full))


@pytest.mark.timeout(90)
async def test_a_dead_hosts_room_gets_one_new_agent(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A host dies with all its children; of two others exactly one sends an agent, once the
    ghost has left. What had ended before stays ended.
    """
    name = new_name()
    async with AsyncExitStack() as stack:
        dying = await start(stack, workdir / "dying", livekit_server, name)
        await dying.wait_ready()
        ended_room = await dispatch(callers, name, "finish")
        await dying.wait_for(action="job_ended", room=ended_room)
        room_name = await dispatch(callers, name, "hold")
        await dying.wait_for(message="holding", room=room_name)
        (ghost,) = await agents_in(callers, room_name)
        others = [await start(stack, workdir / f"host{n}", livekit_server, name) for n in (1, 2)]
        for host in others:
            await host.wait_ready()

        died_at = now()
        kill_all(dying)
        left_at = await wait_gone(callers, room_name, ghost, GHOST_TIME)
        host = await first_to(others, message="holding", room=room_name)

        waited = now() - left_at
        print(  # noqa: T201
            f"\nhost died: ghost gone after {left_at - died_at:.2f} s, agent {waited:.2f} s later"
        )
        assert waited < 5.0
        assert len(await agents_in(callers, room_name)) == 1
        recreated = [line for each in others for line in each.seen(action="dispatch_recreated")]
        assert [line["room"] for line in recreated] == [room_name]
        assigned = [line for each in others for line in each.seen(action="job_assigned")]
        assert [line["room"] for line in assigned] == [room_name]
        assert host.seen(action="job_assigned") == assigned
        await callers.say(room_name, "end")
        assert [await each.stop() for each in others] == [0, 0]


@pytest.mark.timeout(60)
async def test_a_kill_in_the_middle_of_a_claim_costs_no_dispatch(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """kill -9 before the deletion, and between it and making the dispatch anew: the next daemon
    finishes what was begun, and the one after that finds nothing to do.
    """
    before, between = workdir / "before", workdir / "between"
    for root in (before, between):
        root.mkdir()
        write_app(root)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            finishes_a_claim(livekit_server, callers, before, "DeleteDispatch", deleted=False)
        )
        tasks.create_task(
            finishes_a_claim(livekit_server, callers, between, "CreateDispatch", deleted=True)
        )


async def finishes_a_claim(
    server: LiveKitServer, callers: Callers, root: Path, call: str, *, deleted: bool
) -> None:
    """A daemon is killed while this call of it is held back on its way to the server."""
    name = new_name()
    room_name = await dispatch(callers, name, "hold")
    (old,) = await dispatches_of(callers, room_name, name)
    async with proxy_to("127.0.0.1", server.ports.http) as proxy:
        proxy.hold = f"AgentDispatchService/{call}".encode()
        environ = named(name) | {"LIVEKIT_URL": proxy.url}
        async with running_daemon(root, "start", "app.py", server=server, environ=environ) as first:
            await within(now() + DEADLINE, proxy.held.wait())
            await first.crash()
    assert await dispatches_of(callers, room_name, name) == ([] if deleted else [old])

    async with running_daemon(
        root, "start", "app.py", server=server, environ=named(name)
    ) as second:
        await second.wait_for(message="holding", room=room_name)
        recreated = second.seen(action="dispatch_recreated")
        assert [line["dispatch"] for line in recreated] == [old]
        assert await dispatches_of(callers, room_name, name) == [recreated[0]["new_dispatch"]]
        assert len(second.seen(action="claim_dropped")) == (0 if deleted else 1)
        await second.crash()

        async with running_daemon(
            root, "start", "app.py", server=server, environ=named(name)
        ) as third:
            await third.wait_for(action="job_adopted", room=room_name)
            await third.wait_ready()
            assert len(await agents_in(callers, room_name)) == 1
            await callers.say(room_name, "end")
            assert await third.stop() == 0
            assert not third.seen(action="claim_dropped")
            assert not third.seen(action="dispatch_recreated")


async def dispatches_of(callers: Callers, room_name: str, agent_name: str) -> list[str]:
    """Ids of a name's dispatches in a room."""
    every = await callers.client.agent_dispatch.list_dispatch(room_name)
    return [each.id for each in every if each.agent_name == agent_name]


async def first_to(daemons: list[Daemon], **fields: str) -> Daemon:
    """The first of them that writes such a line."""
    async with TaskOwner("waiting") as owner:
        waiting = {
            owner.start(daemon.wait_for(since=0, **fields), name="line", report=False): daemon
            for daemon in daemons
        }
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        task.result()
        return waiting[task]


async def start(stack: AsyncExitStack, root: Path, server: LiveKitServer, name: str) -> Daemon:
    """A daemon in a directory of its own."""
    root.mkdir()
    write_app(root)
    running = running_daemon(root, "start", "app.py", server=server, environ=named(name))
    return await stack.enter_async_context(running)


def kill_all(daemon: Daemon) -> None:
    """The end of a host: the supervisor and its children at once."""
    processes = daemon.children()
    os.kill(daemon.pid, signal.SIGKILL)
    for process in processes:
        kill(process)


async def test_two_who_race_make_each_dispatch_again_once(livekit_server: LiveKitServer) -> None:
    """200 races of two reconcilers for the same stale dispatches: 200 new dispatches."""
    result = await race(livekit_server, races=200)

    print(f"\n{result}")  # noqa: T201
    assert result.left == 200
    assert result.old_left == 0
    # How many of them were contested is up to the machine; all were when it was quiet.
    assert result.recreated == 200


@pytest.mark.timeout(90)
async def test_two_daemons_that_race_give_each_room_one_agent(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Dispatches from before they are up, stale at one moment for both: each is made again once."""
    name = new_name()
    rooms = {await dispatched(callers, name, "finish") for _ in range(24)}
    async with AsyncExitStack() as stack:
        hosts = [await start(stack, workdir / f"host{n}", livekit_server, name) for n in (1, 2)]
        for host in hosts:
            await host.wait_ready()

        for room_name in rooms:
            await first_to(hosts, action="job_ended", room=room_name)
        codes = [await host.stop() for host in hosts]

        recreated = [line["room"] for each in hosts for line in each.seen(action=RECREATED)]
        assigned = [line["room"] for each in hosts for line in each.seen(action="job_assigned")]
        print(f"\nmade again by each: {[len(each.seen(action=RECREATED)) for each in hosts]}")  # noqa: T201
        assert sorted(recreated) == sorted(assigned) == sorted(rooms)
        assert codes == [0, 0]


async def test_what_the_server_does_with_dispatches(livekit_server: LiveKitServer) -> None:
    """The facts that the reconciler is built on: one deleter, no jobs shown, fields kept."""
    settings = LiveKitSettings(
        url=livekit_server.url,
        api_key=livekit_server.api_key,
        api_secret=livekit_server.api_secret,
    )
    client = RoomApi(settings)
    room_name = f"room-{uuid.uuid4().hex[:8]}"
    try:
        made = await client.create_dispatch(
            DispatchSeen(id="", room=room_name, agent_name="nobody", metadata="m", restart_policy=1)
        )
        listed = await client.list_dispatches(room_name)
        deleted = await asyncio.gather(
            *(client.delete_dispatch(room_name, made.id) for _ in range(6))
        )

        assert made in listed
        assert {each.agent_name for each in listed} == {"nobody", ""}
        assert (made.metadata, made.never_again, made.jobs) == ("m", True, ())
        assert abs(client.server_time() - made.created_at) < 2.0
        assert sorted(deleted) == [False] * 5 + [True]
        assert room_name in [room.name for room in await client.list_rooms()]
        found = await client.find_room(room_name)
        assert found in await client.list_rooms()
        assert await client.find_room(f"{room_name}-not") is None
        assert await client.list_participants(room_name) == []
    finally:
        await client.aclose()
