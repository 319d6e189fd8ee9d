"""agentd as a service of a real systemd, with real calls: what survives, and who is told what.

The tests are one story on one machine, in the order in which they stand here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from agentd.aio.timing import monotonic
from agentd.testing.livekit_server import LiveKitServer
from agentd.testing.ports import free_ports
from tests.support.daemon import Callers
from tests.support.debian import WATCHDOG, install
from tests.support.ear import Ear, listening
from tests.support.machine import Machine, Records

pytestmark = pytest.mark.timeout(120)

logger = logging.getLogger("tests.systemd")

UNIT = "agentd.service"
LONGEST_GAP = 1.0
"""Seconds; what a busy machine makes of media that nothing interrupts."""


class Named(Struct, frozen=True):
    """A daemon, as far as callers know it."""

    agent_name: str


class Call:
    """A call that an agent of the service has, and who listens to it."""

    def __init__(self, job: str, room: str, pid: int, ear: Ear) -> None:
        self.job = job
        self.room = room
        self.pid = pid
        """Of its process, as numbered on the machine."""
        self.ear = ear


@asynccontextmanager
async def calling(
    records: Records, callers: Callers, server: LiveKitServer, *, agent: str = "on-systemd"
) -> AsyncIterator[Call]:
    """A call in which the agent is heard, for the length of a block."""
    dispatch = await callers.dispatch(Named(agent), "hum")
    async with listening(server, dispatch.room, "caller") as ear:
        humming = await records.wait_for(AGENTD_ACTION="humming", AGENTD_ROOM=dispatch.room)
        await ear.hears()
        yield Call(humming["AGENTD_JOB"], dispatch.room, int(humming["AGENTD_PID"]), ear)


def state(machine: Machine) -> dict[str, str]:
    """How systemd sees the service."""
    return machine.show(
        UNIT, "ActiveState", "SubState", "Result", "NRestarts", "StatusText", "ExecMainStatus"
    )


def configure(machine: Machine, text: str, *, unit: str = UNIT) -> None:
    """Change settings of a service for one test."""
    machine.write(f"/run/systemd/system/{unit}.d/test.conf", f"[Service]\n{text}\n")
    machine.run("systemctl", "daemon-reload")


async def start(machine: Machine) -> None:
    """Start it; that waits until jobs can come."""
    await machine.arun("systemctl", "reset-failed", UNIT, check=False)
    await machine.arun("systemctl", "start", UNIT)


def test_the_units_are_as_systemd_wants_them(machine: Machine) -> None:
    """It warns of a word that it does not know, and of a program that is not there."""
    units = (UNIT, "agentd@x.service", "agentd.socket")

    assert machine.run("systemd-analyze", "verify", "--man=no", *units) == ""


async def test_the_service_serves_calls_with_the_keys_that_systemd_hands_over(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """Real media under all of the hardening; each record in the journal by its fields."""
    await start(machine)

    async with calling(records, callers, livekit_server) as call:
        status = state(machine)
        assert (status["ActiveState"], status["SubState"]) == ("active", "running")
        await callers.say(call.room, "end")
        ended = await records.wait_for(AGENTD_ACTION="job_ended", AGENTD_JOB=call.job)

    assert (ended["AGENTD_ENDING"], ended["AGENTD_ROOM"]) == ("completed", call.room)
    assert (ended["PRIORITY"], ended["SYSLOG_IDENTIFIER"]) == ("6", "agentd")
    (ready,) = records.seen(AGENTD_ACTION="ready")
    assert ready["_SYSTEMD_UNIT"] == UNIT
    printed = machine.run("journalctl", "-o", "cat", f"AGENTD_JOB={call.job}")
    assert "humming" in printed
    assert "order end" in printed
    environment = machine.run("cat", f"/proc/{machine.main_pid(UNIT)}/environ")
    assert livekit_server.api_secret not in environment + machine.journal()


async def test_a_journald_that_stands_still_holds_nothing_up(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """Its socket is full after a few lines: calls and answers go on, and the lines come later."""
    journald = "systemd-journald.service"
    async with calling(records, callers, livekit_server) as call:
        machine.run("systemctl", "kill", "--signal=SIGSTOP", journald)
        try:
            for number in range(40):
                await callers.say(call.room, f"note {number}")
            status = await machine.arun("agentd", "status", "--runtime-dir", "/run/agentd")
            await call.ear.hears()
        finally:
            machine.run("systemctl", "kill", "--signal=SIGCONT", journald)
        await records.wait_for(AGENTD_TEXT="order note 39", AGENTD_JOB=call.job)

        assert call.room in status
        assert call.ear.gaps()[0] < LONGEST_GAP
        await callers.say(call.room, "end")
        await records.wait_for(AGENTD_ACTION="job_ended", AGENTD_JOB=call.job)


async def test_a_call_outlives_its_service_and_is_adopted(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """kill -9 of the main process: systemd starts the next one, and the caller hears no gap."""
    async with calling(records, callers, livekit_server) as call:
        before = state(machine)["NRestarts"]
        seen, killed_at = len(records.all), monotonic()
        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", UNIT)

        await records.wait_for(since=seen, AGENTD_ACTION="job_adopted", AGENTD_JOB=call.job)
        logger.info(f"kill to adopted: {monotonic() - killed_at:.2f} s")
        await records.wait_for(since=seen, AGENTD_ACTION="ready")
        logger.info(f"kill to ready: {monotonic() - killed_at:.2f} s")
        await call.ear.hears()
        logger.info(f"longest gap: {call.ear.gaps(since=killed_at - 0.5)[0]:.3f} s")

        assert int(state(machine)["NRestarts"]) == int(before) + 1
        secret = f"/run/credentials/{UNIT}/livekit_api_secret"
        seen_by_job = machine.run("nsenter", "-t", str(call.pid), "-m", "--", "cat", secret)
        assert seen_by_job.strip() == livekit_server.api_secret
        assert call.ear.gaps(since=killed_at - 0.5)[0] < LONGEST_GAP
        assert call.ear.most_agents == 1
        await callers.say(call.room, "end")
        await records.wait_for(AGENTD_ACTION="job_ended", AGENTD_JOB=call.job)


async def test_a_blocked_loop_is_ended_by_the_watchdog_and_the_call_goes_on(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """Stopped, as a loop that hangs is: not fed, so systemd ends it and starts another."""
    async with calling(records, callers, livekit_server) as call:
        seen, stopped_at = len(records.all), monotonic()
        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGSTOP", UNIT)

        await records.wait_for(since=seen, AGENTD_ACTION="job_adopted", AGENTD_JOB=call.job)
        await records.wait_for(since=seen, AGENTD_ACTION="ready")
        logger.info(
            f"blocked to READY, with a watchdog of {WATCHDOG} s: {monotonic() - stopped_at:.2f} s"
        )
        await call.ear.hears()

        assert call.ear.gaps(since=stopped_at - 0.5)[0] < LONGEST_GAP
        assert any("Watchdog timeout" in record["MESSAGE"] for record in records.all[seen:])
        await callers.say(call.room, "end")
        await records.wait_for(AGENTD_ACTION="job_ended", AGENTD_JOB=call.job)


async def test_a_reload_is_told_from_its_begin_to_its_end(
    machine: Machine, records: Records
) -> None:
    """The same process goes on; `systemctl` knows that it reloads."""
    main = machine.main_pid(UNIT)
    seen = len(records.all)

    await machine.arun("systemctl", "reload", UNIT)
    await records.wait_for(since=seen, AGENTD_ACTION="reloaded")
    await machine.until_state(UNIT, "active")
    await machine.until(lambda: "imported" not in state(machine)["StatusText"], "end of it")

    assert machine.main_pid(UNIT) == main
    assert any(record["MESSAGE"].startswith("Reload") for record in records.all[seen:])


async def test_a_drain_takes_as_long_as_its_calls_whatever_the_units_timeout(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """`systemctl stop` waits for the last call, and the status says for how many."""
    configure(machine, "TimeoutStopSec=2")
    async with calling(records, callers, livekit_server) as call:
        began_at = monotonic()
        stopping = asyncio.create_task(machine.arun("systemctl", "stop", UNIT))
        await records.wait_for(AGENTD_ACTION="draining")
        await machine.until(lambda: "1 job left" in state(machine)["StatusText"], "word of it")
        frames = 100 * 4  # four seconds of the call: longer than the unit's timeout
        await call.ear.hears(frames)

        assert not stopping.done()
        await callers.say(call.room, "end")
        await stopping

    after = state(machine)
    assert monotonic() - began_at > 3.0
    assert (after["ActiveState"], after["Result"], after["ExecMainStatus"]) == (
        "inactive",
        "success",
        "0",
    )
    assert machine.processes(UNIT) == []


async def test_an_instance_has_all_of_its_own_and_what_nobody_adopts_ends_by_itself(
    machine: Machine, records: Records, callers: Callers, livekit_server: LiveKitServer
) -> None:
    """agentd@NAME from the same package; where no service comes after it, no process is left."""
    unit = "agentd@second.service"
    machine.write("/etc/agentd/second.env", "AGENTD_AGENT_NAME=second\nAGENTD_RECONNECT_GRACE=1\n")
    for name in ("key", "secret"):
        machine.run(
            "cp",
            f"/etc/credstore/agentd.livekit_api_{name}",
            f"/etc/credstore/agentd-second.livekit_api_{name}",
        )
    configure(machine, "Restart=no", unit=unit)

    await machine.arun("systemctl", "start", unit)
    async with calling(records, callers, livekit_server, agent="second") as call:
        assert records.seen(AGENTD_ACTION="ready", _SYSTEMD_UNIT=unit)
        assert "second" in machine.run("agentd", "status", "--runtime-dir", "/run/agentd-second")
        owned = machine.run("stat", "-c", "%U %a", "/var/lib/agentd-second", "/run/agentd-second")
        assert owned.split("\n")[:2] == ["agentd 700"] * 2

        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", unit)
        await machine.until_state(unit, "failed")
        await call.ear.until(lambda: call.ear.agents == 0, "the agent to leave")
        await machine.until(lambda: not machine.processes(unit), "an empty control group")


async def test_settings_that_no_restart_mends_are_not_tried_again(
    machine: Machine, records: Records
) -> None:
    """Exit code 4, once, with the reason in the journal."""
    configure(machine, "Environment=AGENTD_LOG_LEVEL=LOUD")

    await machine.arun("systemctl", "start", UNIT, check=False)

    after = state(machine)
    assert (after["ActiveState"], after["ExecMainStatus"]) == ("failed", "4")
    assert after["NRestarts"] == "0"
    assert "AGENTD_LOG_LEVEL" in machine.journal()


async def test_the_http_port_is_open_before_the_service_and_while_it_is_restarted(
    machine: Machine, records: Records
) -> None:
    """Whoever asks waits and is answered; the first request starts the service."""
    configure(machine, "")
    port = free_ports().http
    machine.write(
        "/run/systemd/system/agentd.socket.d/test.conf",
        f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n",
    )
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "agentd.socket")

    first = await health(port)
    seen = len(records.all)
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", UNIT)
    second = await health(port)

    assert (first["status"], second["status"]) == ("ok", "ok")
    assert records.seen(AGENTD_ACTION="http_listening")
    await records.wait_for(since=seen, AGENTD_ACTION="ready")


async def health(port: int) -> dict[str, Any]:
    """Ask a daemon how it is, once; who does not listen refuses."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"http://127.0.0.1:{port}/healthz", timeout=aiohttp.ClientTimeout(total=40)
        ) as answer,
    ):
        found: dict[str, Any] = await answer.json()
        return found


async def test_an_upgrade_waits_for_running_calls(
    machine: Machine,
    records: Records,
    callers: Callers,
    livekit_server: LiveKitServer,
    package: Any,
) -> None:
    """No file is changed before the last call has ended; then the service is started again."""
    async with calling(records, callers, livekit_server) as call:
        seen = len(records.all)
        upgrading = asyncio.create_task(asyncio.to_thread(install, machine, package))
        await records.wait_for(since=seen, AGENTD_ACTION="draining")
        await call.ear.hears()
        assert not upgrading.done()
        await callers.say(call.room, "end")
        await upgrading

    await records.wait_for(since=seen, AGENTD_ACTION="ready")
    await machine.until_state(UNIT, "active")
    await machine.until_state("agentd.socket", "active")


async def test_a_purge_leaves_nothing_but_the_user(machine: Machine) -> None:
    """A removal stops the service and keeps configuration, keys and journal; a purge does not."""
    await machine.arun("dpkg", "--force-depends", "--no-triggers", "-r", "agentd")
    assert state(machine)["ActiveState"] == "inactive"
    assert machine.processes(UNIT) == []
    kept = ("/etc/default/agentd", "/var/lib/agentd", "/etc/credstore/agentd.livekit_api_secret")
    machine.run("ls", *kept)

    await machine.arun("dpkg", "--no-triggers", "-P", "agentd")

    for path in (*kept, "/opt/agentd", "/usr/bin/agentd", "/var/cache/agentd", "/etc/agentd"):
        assert "No such file" in machine.run("ls", "-d", path, check=False)
    assert "agentd" in machine.run("id", "agentd")
