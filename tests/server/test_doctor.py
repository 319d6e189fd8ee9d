"""`agentd doctor` against a real server: all well, and each thing that can be wrong on the way."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import psutil
import pytest
from livekit import api

from agentd.daemon.exits import ExitCode
from agentd.dispatch.connection import open_connection
from agentd.dispatch.messages import (
    Offered,
    Registered,
    read_server_message,
    register_request,
)
from agentd.doctor.checks import access
from agentd.doctor.worker import TIMINGS
from agentd.protocol.app import AppInfo
from agentd.testing import livekit_server as testing_server
from agentd.testing.livekit_server import LiveKitServer, Ports
from tests.support.bad_proxy import (
    Spoil,
    skewed,
    spoiled,
    without_dates,
    without_offers,
    without_upgrades,
)
from tests.support.daemon import running_daemon, write_app
from tests.support.doctor import APP, look, look_at, only, patient_of, typed, write


async def rooms_of(server: LiveKitServer) -> list[str]:
    """The names of the server's rooms."""
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
        return [room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms]


async def test_all_is_well(workdir: Path, livekit_server: LiveKitServer) -> None:
    """Every check, as an operator types it: nothing to complain of, and nothing is left behind.

    Best of three: other tests keep the machine busy, which is a thing to complain of.
    """
    app = write(workdir, APP)
    for name in ("state", "run"):
        (workdir / name).mkdir(mode=0o700)

    # What a developer's machine may have wrong is no business of this test.
    skip = [f"--skip={id_}" for id_ in ("core-files", "leftovers", "model-files")]
    run = await typed(workdir, str(app), *skip, server=livekit_server)
    for _ in range(2):
        if run.code != ExitCode.OK:
            run = await typed(workdir, str(app), *skip, server=livekit_server)

    checks = run.checks
    bad = [each for each in checks.values() if each["verdict"] in ("warning", "failure")]
    assert (run.code, bad) == (ExitCode.OK, [])
    assert run.document["verdict"] == "ok"
    assert livekit_server.api_secret not in run.output
    seen = ("livekit-reachable", "clock", "api-key", "worker-registers", "dispatch", "agent-name")
    assert {checks[id_]["verdict"] for id_ in (*seen, "media-udp", "media-tcp")} == {"ok"}
    assert checks["media-udp"]["evidence"].startswith("udp ")
    assert checks["media-tcp"]["evidence"].startswith("tcp ")
    assert not [name for name in await rooms_of(livekit_server) if "agentd-doctor" in name]


async def test_no_worker_of_others_is_sent_to_the_doctors_rooms(
    workdir: Path, livekit_server: LiveKitServer
) -> None:
    """Not even one without a name, which every other new room gets."""
    patient = patient_of(workdir, server=livekit_server)
    livekit = patient.given().settings.livekit
    offered: list[str] = []

    async with open_connection(livekit, TIMINGS) as connection:
        await connection.send(register_request(AppInfo(), agent_name="", deployment=""))
        assert isinstance(read_server_message(await connection.receive()), Registered)
        reports = await look(patient, "api-key", "dispatch", "media-udp", "turn")
        async with api.LiveKitAPI(
            livekit_server.url, livekit_server.api_key, livekit_server.api_secret
        ) as others:
            await others.room.create_room(api.CreateRoomRequest(name=f"others-{workdir.name}"))
        # What was offered before that room was made comes before it.
        while not any(name.startswith("others-") for name in offered):
            event = read_server_message(await connection.receive())
            if isinstance(event, Offered):
                offered.append(event.offer.room)

    assert reports["dispatch"].verdict in ("ok", "warning")
    assert [name for name in offered if "doctor" in name] == []


async def test_a_wrong_secret_is_told_and_not_shown(
    workdir: Path, livekit_server: LiveKitServer
) -> None:
    """By the API and by the registration; media can't be tried."""
    environ = {"LIVEKIT_API_SECRET": "a-wrong-secret-that-nobody-knows-123"}
    patient = patient_of(workdir, server=livekit_server, environ=environ)

    reports = await look(patient, "api-key", "worker-registers", "dispatch", "media-udp", "turn")

    assert reports["api-key"].verdict == reports["worker-registers"].verdict == "failure"
    assert "HTTP 401" in reports["api-key"].evidence
    assert "LIVEKIT_API_SECRET" in reports["worker-registers"].remedy
    assert {reports[id_].verdict for id_ in ("dispatch", "media-udp", "turn")} == {"skipped"}
    assert not any("a-wrong-secret" in f"{each.evidence}{each.remedy}" for each in reports.values())


async def test_no_server_is_told_once_for_all(workdir: Path) -> None:
    """Where it can't be reached, the rest says so in few words."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    environ = {
        "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "s" * 40,
    }

    reports = await look(
        patient_of(workdir, environ=environ),
        *("livekit-reachable", "clock", "worker-registers", "dispatch", "agent-name", "media-udp"),
    )

    assert reports["livekit-reachable"].verdict == "failure"
    assert "refused" in reports["livekit-reachable"].evidence.lower()
    assert reports["worker-registers"].verdict == "failure"
    for id_ in ("clock", "dispatch", "agent-name", "media-udp"):
        assert reports[id_].verdict == "skipped", reports[id_]


@pytest.mark.parametrize(
    ("spoil", "id_", "verdict", "word"),
    [
        (skewed(3600), "clock", "failure", "ahead of ours: tokens are refused"),
        (skewed(-20), "clock", "warning", "behind ours"),
        (without_dates, "clock", "skipped", "no Date"),
        (
            without_upgrades,
            "worker-registers",
            "failure",
            "no LiveKit server (it answered HTTP 200)",
        ),
        (without_offers, "dispatch", "failure", "no offer within 1 s"),
    ],
)
async def test_what_a_proxy_spoils_is_told(
    workdir: Path,
    livekit_server: LiveKitServer,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Spoil,
    id_: str,
    verdict: str,
    word: str,
) -> None:
    """A clock that is wrong, WebSockets and offers that do not come through."""
    monkeypatch.setattr(access, "OFFER_TIMEOUT", 1.0)
    async with spoiled(livekit_server, spoil) as url:
        patient = patient_of(workdir, server=livekit_server, environ={"LIVEKIT_URL": url})

        report = await look_at(patient, id_)

    assert (report.verdict, word in report.evidence) == (verdict, True), report


async def test_a_host_without_udp_is_told(workdir: Path, livekit_server: LiveKitServer) -> None:
    """Sound goes by TCP there."""
    run = await typed(workdir, *only("media-udp"), server=livekit_server, hampered=("--no-udp",))

    checks = run.checks
    assert checks["media-udp"]["verdict"] == "warning"
    assert "UDP does not pass" in checks["media-udp"]["evidence"]
    assert checks["media-udp"]["evidence"].startswith("tcp ")


async def test_a_server_without_tcp_and_with_a_dead_turn_server_is_told(
    workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own TURN server answers, the other one that it names does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        turn_port = sock.getsockname()[1]
    usual = testing_server.arguments
    config = (
        f"turn: {{enabled: true, udp_port: {turn_port}, relay_range_start: 40000, "
        "relay_range_end: 40010}\n"
        "rtc: {turn_servers: [{host: 127.0.0.1, port: 9, protocol: tcp, username: u, "
        "credential: c}]}\n"
    )

    def without_tcp(ports: Ports) -> list[str]:
        kept = [each for each in usual(ports) if not each.startswith("--rtc.tcp_port")]
        return [*kept, "--rtc.tcp_port=0", f"--config-body={config}"]

    monkeypatch.setattr(testing_server, "arguments", without_tcp)
    with LiveKitServer(log_path=tmp_path / "livekit.log") as server:
        reports = await look(patient_of(workdir, server=server), "media-udp", "media-tcp", "turn")

    assert reports["media-udp"].verdict == "ok", reports
    assert reports["media-tcp"].verdict == "warning", reports
    assert "without UDP there is no sound" in reports["media-tcp"].evidence
    assert reports["turn"].verdict == "warning", reports
    assert "tcp 127.0.0.1:9" in reports["turn"].evidence
    assert f":{turn_port}" not in reports["turn"].evidence


async def test_a_daemon_that_runs_and_one_that_died(
    workdir: Path, livekit_server: LiveKitServer
) -> None:
    """The first has our name and our port; the second has left children and sockets."""
    write_app(workdir)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
    environ = {"LIVEKIT_AGENT_NAME_OVERRIDE": "", "AGENTD_PORT": port}
    async with running_daemon(
        workdir, "start", "app.py", "--port", port, server=livekit_server
    ) as daemon:
        await daemon.wait_ready()
        checks = ("daemon", "http-port", "agent-name", "leftovers", "stale-files")
        named = environ | {"AGENTD_AGENT_NAME": daemon.agent_name}
        # Beside it: another daemon's directory is found below ours, where `agentd dev` has its own.
        other = workdir / "other"
        (other / "run").mkdir(parents=True)
        (other / "run" / f"dev-{daemon.pid}").symlink_to(workdir / "run")
        alone = await look(patient_of(workdir, server=livekit_server, environ=named), *checks)
        beside = await look_at(
            patient_of(other, server=livekit_server, environ=named), "agent-name"
        )
        daemon.signal(signal.SIGSTOP)
        hung = await look_at(patient_of(workdir, server=livekit_server), "daemon")
        daemon.signal(signal.SIGCONT)
        await daemon.crash()
        dead = await look(patient_of(workdir, server=livekit_server), "leftovers", "stale-files")
        for process in daemon.children():
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(daemon.children(), 5)
        gone = await look(
            patient_of(workdir, server=livekit_server), "leftovers", "stale-files", fix=True
        )

    # Others of this machine's daemons may have left something: only ours must not.
    assert str(workdir) not in alone.pop("leftovers").evidence
    assert {each.verdict for each in alone.values()} == {"ok"}, alone
    assert f"pid {daemon.pid}" in alone["http-port"].evidence
    assert (hung.verdict, "stopped or" in hung.evidence) == ("failure", True), hung
    assert beside.verdict == "warning"
    assert f"the daemon with pid {daemon.pid}" in beside.evidence
    assert dead["leftovers"].verdict == "warning"
    assert str(workdir / "run") in dead["leftovers"].evidence
    assert "removed" in gone["stale-files"].fixed
    assert not list((workdir / "run").glob("*.sock"))
