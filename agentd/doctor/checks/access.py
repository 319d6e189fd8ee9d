"""What the key lets us do: the API, a registration, a dispatch; and who else is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from livekit import api
from msgspec import Struct

from agentd.aio.timing import monotonic
from agentd.dispatch.connection import shown_key
from agentd.dispatch.roomapi import RoomApi
from agentd.doctor.finding import Finding, failure, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.rooms import PREFIX, probe_name, probe_room
from agentd.doctor.threads import in_thread
from agentd.doctor.worker import WorkerFacts, dispatch_round_trip, registered_worker
from agentd.errors import (
    ChannelBroken,
    ControlError,
    LiveKitError,
    LiveKitRefused,
    ProtocolError,
    RoomApiError,
)
from agentd.management.client import ControlClient
from agentd.protocol.job import ATTRIBUTE_AGENT_NAME
from agentd.settings.paths import CONTROL_NAME

OFFER_TIMEOUT = 3.0
"""Seconds from a dispatch to its offer. The server takes 0.2 s, and up to 3 s over many nodes."""

SLOW_OFFER = 1.5

LOOKED_AT_ROOMS = 20
"""Rooms whose participants are looked at, the newest first."""

REFUSALS = (401, 403)


# -- the API ---------------------------------------------------------------------------


class ApiFacts(Struct, frozen=True, kw_only=True):
    """Calls with our key."""

    key: str
    rooms: int = 0
    seconds: float = 0.0
    step: str = ""
    """What was tried last."""
    error: str = ""
    status: int = 0
    """Of HTTP, where the server answered with an error."""


def judge_api(facts: ApiFacts) -> Finding:
    """Rooms can be listed, made and deleted."""
    key = shown_key(facts.key)
    if not facts.error:
        return ok(
            f"the key {key} lists rooms ({facts.rooms} open), makes and deletes one; "
            f"{facts.seconds * 1000:.0f} ms"
        )
    status = f"HTTP {facts.status} " if facts.status else ""
    text = f"{facts.step} with the key {key}: {status}{facts.error}"
    if facts.status in REFUSALS:
        return failure(
            text, "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET: `agentd config` says their origin"
        )
    return failure(text, "see the check 'livekit-reachable', and the server's log")


async def api_key(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    began_at = monotonic()
    rooms = RoomApi(livekit, timeout=3.0)
    step, error, count, status = "listing rooms", "", 0, 0
    try:
        count = len(await rooms.list_rooms())
        step = "making a room"
        async with probe_room(livekit, probe_name("key")):
            step = "deleting a room"
    except RoomApiError as failed:
        error = str(failed)
        if isinstance(failed.__cause__, api.TwirpError):
            status = failed.__cause__.status
    except api.TwirpError as failed:
        error, status = f"{failed.code}: {failed.message}", failed.status
    except LiveKitError as failed:
        error = str(failed)
    finally:
        await rooms.aclose()
    seconds = monotonic() - began_at
    return judge_api(
        ApiFacts(
            key=livekit.api_key,
            rooms=count,
            seconds=seconds,
            step=step,
            error=error,
            status=status,
        )
    )


# -- a worker --------------------------------------------------------------------------


def judge_worker(facts: WorkerFacts) -> Finding:
    """The server took us for a worker."""
    where = f", region {facts.region}" if facts.region else ""
    return ok(
        f"registered as {facts.worker_id} in {facts.seconds * 1000:.0f} ms, and left again "
        f"(livekit-server {facts.version}, node {facts.node_id}{where})"
    )


def judge_no_worker(error: BaseException) -> Finding:
    """It did not."""
    if isinstance(error, LiveKitRefused):
        return failure(str(error), "check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET")
    return failure(
        f"no registration: {str(error) or type(error).__name__}",
        "does a proxy on the way pass WebSockets on (Upgrade, path /agent)?",
    )


async def worker_registers(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    try:
        async with registered_worker(livekit) as worker:
            facts = worker.facts
    except (LiveKitError, ChannelBroken, ProtocolError) as error:
        return judge_no_worker(error)
    return judge_worker(facts)


# -- a dispatch --------------------------------------------------------------------------


def judge_dispatch(seconds: float | None) -> Finding:
    """A dispatch reaches a worker, soon enough for an answer within LiveKit's 3 s."""
    if seconds is None:
        return failure(
            f"a dispatch to a registered worker brought no offer within {OFFER_TIMEOUT:g} s",
            "look at the server's log, and at its Redis where it has several nodes",
        )
    text = f"a dispatch was offered to a worker after {seconds * 1000:.0f} ms"
    if seconds > SLOW_OFFER:
        return warning(
            f"{text}: LiveKit waits 3 s in all", "is the server overloaded, or its Redis far away?"
        )
    return ok(text)


async def dispatch(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    try:
        seconds: float | None = await dispatch_round_trip(livekit, OFFER_TIMEOUT)
    except TimeoutError:
        seconds = None
    except (LiveKitError, ChannelBroken, ProtocolError, api.TwirpError):
        return skipped("no worker or room could be had: see 'worker-registers' and 'api-key'")
    return judge_dispatch(seconds)


# -- the name ----------------------------------------------------------------------------


class NameFacts(Struct, frozen=True, kw_only=True):
    """Who else goes by our agent's name."""

    name: str
    here: tuple[str, ...] = ()
    """Other daemons on this machine, in words."""
    rooms: tuple[str, ...] = ()
    """Rooms where an agent of that name is."""
    looked_at: int = 0
    open_rooms: int = 0


def judge_name(facts: NameFacts) -> Finding:
    """Workers of one name share its jobs: fine for copies of one app, and for nothing else.

    LiveKit has no list of its workers: what can be seen are agents in rooms, and daemons here.
    """
    shown = f"agent_name '{facts.name}'" if facts.name else "no agent_name"
    if facts.here:
        return warning(
            f"{shown} is also that of {'; '.join(facts.here)}: jobs go to either",
            "if it is not the same app: another agent_name (LIVEKIT_AGENT_NAME), or stop the other",
        )
    seen = (
        f"{len(facts.rooms)} agents of that name in {facts.looked_at} of {facts.open_rooms} rooms"
    )
    return ok(f"{shown}: no other daemon here has it, {seen}")


async def agent_name(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    name = (await patient.settings()).livekit.agent_name
    runtime = patient.directories().runtime.path
    here = await daemons_named(
        name, await in_thread(lambda: control_sockets(patient.root, runtime))
    )
    rooms = RoomApi(livekit, timeout=2.0)
    try:
        found = [each for each in await rooms.list_rooms() if not each.name.startswith(PREFIX)]
        newest = found[-LOOKED_AT_ROOMS:]
        inside = await asyncio.gather(*(rooms.list_participants(each.name) for each in newest))
    except RoomApiError:
        return skipped("rooms can't be listed: see the check 'api-key'")
    finally:
        await rooms.aclose()
    agents = [
        room.name
        for room, people in zip(newest, inside, strict=True)
        for each in people
        if each.is_agent and each.attributes.get(ATTRIBUTE_AGENT_NAME, "") == name
    ]
    return judge_name(
        NameFacts(
            name=name,
            here=tuple(here),
            rooms=tuple(agents),
            looked_at=len(newest),
            open_rooms=len(found),
        )
    )


def control_sockets(root: Path, runtime: Path) -> list[Path]:
    """Of daemons in other runtime directories, in the usual places."""
    places = [
        *root.glob("run/agentd*"),
        *root.glob("run/user/*/agentd"),
        *root.glob("tmp/agentd-*"),
    ]
    places += [each for place in places for each in place.glob("dev-*")]
    places += runtime.glob("dev-*")
    unique = dict.fromkeys(place.absolute() for place in places if place.absolute() != runtime)
    return [place / CONTROL_NAME for place in unique if (place / CONTROL_NAME).exists()]


async def daemons_named(name: str, sockets: Iterable[Path]) -> list[str]:
    """The daemons behind these sockets that serve an agent of that name."""

    async def ask(path: Path) -> str:
        try:
            async with ControlClient(path, timeout=1.0) as client:
                status = await client.status()
        except ControlError:
            return ""  # it is gone, or another user's
        return (
            f"the daemon with pid {status.pid} ({path.parent})" if status.agent_name == name else ""
        )

    return [text for text in await asyncio.gather(*(ask(path) for path in sockets)) if text]
