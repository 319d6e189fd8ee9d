"""The rules: from facts to a verdict. Each in its good state and in each of its bad ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agentd.doctor.checks import (
    access,
    app,
    daemon,
    http,
    limits,
    machine,
    media,
    models,
    python,
    server,
    service,
    settings,
    storage,
)
from agentd.doctor.facts import AppFacts, Heard, LibraryFact, MediaFacts, Route, ThreadFact
from agentd.doctor.finding import Finding, Verdict
from agentd.doctor.unitfile import Unit, parse_span, parse_units
from agentd.journal.inspection import JournalFacts
from agentd.management.health import Problem
from agentd.protocol.app import AppInfo
from agentd.settings.model import HttpSettings, PoolSettings, Settings
from agentd.settings.paths import Directory
from tests.support.controls import STATUS

STATE = Directory(setting="state_dir", path=Path("/var/lib/agentd"), origin="default")
RUNTIME = Directory(setting="runtime_dir", path=Path("/run/agentd"), origin="default")
GOOD_ROUTE = Route(
    protocol="udp",
    local="10.0.0.1:1",
    remote="10.0.0.2:2",
    relayed=False,
    kind="host to host",
    round_trip_ms=3.0,
)
GOOD_MEDIA = MediaFacts(
    joined_seconds=0.2, heard=(Heard(latency_ms=60.0, received=100, lost=0),) * 2, route=GOOD_ROUTE
)
GOOD_UNIT = """
[Service]
Type=notify
ExecStart=/opt/agentd/bin/agentd start app.py
KillMode=process
Restart=always
WatchdogSec=30
TimeoutStopSec=1h 20min
RuntimeDirectory=agentd
RuntimeDirectoryPreserve=restart
"""


def media_with(**changes: Any) -> MediaFacts:
    return structs.replace(GOOD_MEDIA, **changes)


def unit_with(*changes: str) -> Unit:
    """The good unit with a drop-in."""
    return parse_units("agentd.service", [GOOD_UNIT, "[Service]\n" + "\n".join(changes)])


def directory(kind: Directory = STATE, **facts: Any) -> storage.DirectoryFacts:
    good = storage.DirectoryFacts(
        directory=kind, exists=True, owner=1000, mode=0o700, filesystem="ext4"
    )
    return structs.replace(good, **facts)


def journal(**facts: Any) -> JournalFacts:
    good = JournalFacts(
        path="/j", version=3, check="ok", size_mb=1.0, log_mb=0.1, mode=0o600, unfinished=0
    )
    return structs.replace(good, **facts)


def slots(count: int) -> Settings:
    return Settings(pool=PoolSettings(max_jobs=count, num_idle_processes=1))


THREADED = AppFacts(
    info=AppInfo(), threads=(ThreadFact(name="poller", started_by="crm (/a/crm.py:3)"),)
)

CASES: list[tuple[Finding, Verdict, str]] = [
    (python.judge_python((3, 13, 1), 64, "cpython"), "ok", "3.13.1"),
    (python.judge_python((3, 10, 9), 64, "cpython"), "failure", "3.10.9"),
    (python.judge_python((3, 12, 0), 32, "cpython"), "failure", "32 bits"),
    (python.judge_python((3, 12, 0), 64, "pypy"), "warning", "pypy"),
    (python.judge_packages(["a>=2", "b; python_version < '3'"], {"a": "2.1"}), "ok", "all 1"),
    (python.judge_packages(["a>=2", "b"], {"a": "1.0"}), "failure", "a 1.0, needed is >=2; b is"),
    (python.judge_libraries([LibraryFact(name="x", version="1", ms=3)]), "ok", "x 1 in 3 ms"),
    (python.judge_libraries([LibraryFact(name="x", error="no")]), "failure", "x: no"),
    (python.judge_libraries([LibraryFact(name="x", ms=9000)]), "warning", "slow"),
    (python.judge_crash("the process was ended by SIGSEGV: loading av"), "failure", "SIGSEGV"),
    (python.judge_uvloop("0.21", ""), "ok", "0.21"),
    (python.judge_uvloop("", "no module"), "warning", "no module"),
    (python.judge_locale("utf-8", "UTF8"), "ok", "UTF-8"),
    (python.judge_locale("ascii", "utf-8"), "warning", "ascii"),
    (machine.judge_kernel(machine.KernelFacts(system="Linux", release="6")), "ok", "pidfd"),
    (machine.judge_kernel(machine.KernelFacts(system="Darwin", release="2")), "failure", "Darwin"),
    (
        machine.judge_kernel(machine.KernelFacts(system="Linux", release="4", pidfd="ENOSYS")),
        "failure",
        "pidfd_open: ENOSYS",
    ),
    (
        machine.judge_memory_policy(
            machine.MemoryFacts(overcommit=0, total=1000, available=900, swapped=0)
        ),
        "ok",
        "900 of 1000",
    ),
    (
        machine.judge_memory_policy(
            machine.MemoryFacts(overcommit=2, total=1000, available=50, swapped=500)
        ),
        "warning",
        "overcommit_memory is 2",
    ),
    (machine.judge_core_files("|/usr/bin/coredumpctl %P", -1), "ok", "coredumpctl"),
    (machine.judge_core_files("core", 0), "ok", "limit 0"),
    (machine.judge_core_files("core.%p", -1), "warning", "core.%p"),
    (http.judge_token(HttpSettings()), "ok", "127.0.0.1"),
    (http.judge_token(HttpSettings(host="0.0.0.0")), "failure", "http_token"),
    (http.judge_token(HttpSettings(host="0.0.0.0", http_token="x")), "ok", "with a token"),
    (http.judge_files(HttpSettings(), None), "skipped", "without TLS"),
    (
        http.judge_files(HttpSettings(tls_cert="/c"), server.CertificateFacts(host="x")),
        "failure",
        "tls_key is not set",
    ),
    (settings.judge_proxies("wss://x", "", {}), "ok", "none"),
    (settings.judge_proxies("wss://x", "http://p:3128", {}), "ok", "http://p:3128"),
    (settings.judge_proxies("wss://x", "socks://p", {}), "failure", "socks://p"),
    (settings.judge_proxies("ws://localhost:7880", "http://p:1", {}), "warning", "localhost"),
    (settings.judge_proxies("wss://x", "", {"ALL_PROXY": "x"}), "warning", "ALL_PROXY"),
    (app.judge_import_time(0.5, {"torch": 0.4}, 60.0), "ok", "torch 0.40 s"),
    (app.judge_import_time(7.0, {"torch": 6.0}, 60.0), "warning", "torch 6.00 s"),
    (app.judge_import_time(70.0, {}, 60.0), "failure", "template_timeout"),
    (app.judge_fork_safety(THREADED, "auto"), "warning", "poller by crm (/a/crm.py:3)"),
    (app.judge_fork_safety(THREADED, "fork"), "failure", "start_method is 'fork'"),
    (app.judge_fork_safety(THREADED, "spawn"), "ok", "spawn"),
    (app.judge_agent(AppFacts(info=AppInfo(notes=["load_fnc"])), Settings()), "warning", "load"),
    (server.judge_reach(server.ReachFacts(url="wss://x", status=200)), "ok", "200"),
    (server.judge_reach(server.ReachFacts(url="wss://x", status=404)), "warning", "404"),
    (server.judge_reach(server.ReachFacts(url="wss://x", status=502)), "failure", "502"),
    (server.judge_reach(server.ReachFacts(url="wss://x", error="down")), "failure", "down"),
    (
        server.judge_reach(server.ReachFacts(url="wss://x", status=200, seconds=2.0)),
        "warning",
        "2000 ms",
    ),
    (server.judge_plain("127.0.0.1"), "skipped", "this machine"),
    (server.judge_plain("example.com"), "warning", "example.com"),
    (server.judge_certificate(server.CertificateFacts(host="x", days_left=60)), "ok", "60 days"),
    (server.judge_certificate(server.CertificateFacts(host="x", days_left=3)), "warning", "3 days"),
    (
        server.judge_certificate(server.CertificateFacts(host="x", error="expired")),
        "failure",
        "exp",
    ),
    (server.judge_clock(None), "skipped", "Date"),
    (server.judge_clock(0.4), "ok", "0.4 s ahead"),
    (server.judge_clock(-20.0), "warning", "20.0 s behind"),
    (server.judge_clock(300.0), "failure", "tokens are refused"),
    (access.judge_dispatch(0.2), "ok", "200 ms"),
    (access.judge_dispatch(2.0), "warning", "2000 ms"),
    (access.judge_dispatch(None), "failure", "no offer"),
    (access.judge_name(access.NameFacts(name="x")), "ok", "'x'"),
    (access.judge_name(access.NameFacts(name="x", here=("pid 3",))), "warning", "pid 3"),
    (media.judge_udp(GOOD_MEDIA), "ok", "round trip 3.0 ms"),
    (media.judge_udp(MediaFacts(error="joining: no")), "failure", "joining: no"),
    (media.judge_udp(media_with(route=None)), "warning", "does not tell"),
    (
        media.judge_udp(media_with(heard=(Heard(latency_ms=60, received=50, lost=50),))),
        "failure",
        "50 of 100 packets lost",
    ),
    (
        media.judge_udp(media_with(heard=(Heard(latency_ms=60, received=95, lost=5),))),
        "warning",
        "5 of 100",
    ),
    (
        media.judge_udp(media_with(heard=(Heard(latency_ms=900, received=95, lost=0),))),
        "warning",
        "900 ms",
    ),
    (media.judge_tcp(MediaFacts(error="joining: no")), "warning", "without UDP"),
    (media.judge_tcp(MediaFacts(error="UDP can't be turned off here: x")), "skipped", "UDP"),
    (media.judge_turn({}), "skipped", "no TURN"),
    (media.judge_turn({"udp a:1": ""}), "ok", "udp a:1"),
    (media.judge_turn({"udp a:1": "no answer"}), "warning", "udp a:1: no answer"),
    (limits.judge_cpu(2.0, "quota", 16), "ok", "2 cores"),
    (limits.judge_cpu(0.5, "quota", 16), "warning", "0.5 cores"),
    (
        limits.judge_processes(limits.ProcessFacts(limit=math.inf, used=0, source="x", slots=4)),
        "ok",
        "no limit",
    ),
    (
        limits.judge_processes(limits.ProcessFacts(limit=300, used=10, source="x", slots=64)),
        "warning",
        "300",
    ),
    (
        limits.judge_processes(limits.ProcessFacts(limit=60, used=50, source="x", slots=1)),
        "failure",
        "not even one",
    ),
    (limits.judge_files(1024, 4096, slots(16)), "ok", "1024"),
    (limits.judge_files(1024, -1, slots(280)), "warning", "280 slots"),
    (limits.judge_files(64, 64, slots(16)), "failure", "64 open files"),
    (storage.judge_state(directory(), 1000), "ok", "ext4"),
    (storage.judge_state(directory(exists=False), 1000), "warning", "not there yet"),
    (storage.judge_state(directory(filesystem="tmpfs"), 1000), "warning", "tmpfs"),
    (storage.judge_state(directory(filesystem="nfs4"), 1000), "failure", "nfs4"),
    (storage.judge_state(directory(error="No space left"), 1000), "failure", "No space left"),
    (storage.judge_state(directory(owner=7), 1000), "failure", "uid 7"),
    (storage.judge_state(directory(mode=0o777), 1000), "failure", "0777"),
    (storage.judge_runtime(directory(RUNTIME, filesystem="tmpfs"), 1000), "ok", "tmpfs"),
    (storage.judge_space(Path("/x"), 9000, 10**6, 256), "ok", "9000 MB"),
    (storage.judge_space(Path("/x"), 200, 10**6, 256), "warning", "200 MB"),
    (storage.judge_space(Path("/x"), 10, 10**6, 256), "failure", "10 MB"),
    (storage.judge_space(Path("/x"), 9000, 3, 256), "failure", "3 files"),
    (daemon.judge_port(daemon.PortFacts(host="h", port=0)), "ok", "free one"),
    (daemon.judge_port(daemon.PortFacts(host="h", port=8081)), "ok", "free"),
    (daemon.judge_port(daemon.PortFacts(host="h", port=81, taken=True)), "failure", "taken"),
    (daemon.judge_port(daemon.PortFacts(host="h", port=81, error="no")), "failure", "no"),
    (daemon.judge_port(daemon.PortFacts(host="h", port=8081, ours=7)), "ok", "pid 7"),
    (
        daemon.judge_port(daemon.PortFacts(host="h", port=81, taken=True, owner="pid 1 (systemd)")),
        "ok",
        "handed to the daemon",
    ),
    (daemon.judge_daemon(STATUS, "1.2.3"), "ok", "link registered, 1 jobs"),
    (daemon.judge_daemon(STATUS, "1.3.0"), "warning", "this command is 1.3.0"),
    (
        daemon.judge_daemon(
            structs.replace(
                STATUS, problems=(Problem(part="pool", path="daemon/pool", message="no child"),)
            ),
            "1.2.3",
        ),
        "failure",
        "pool: no child",
    ),
    (storage.judge_journal(journal(), 256), "ok", "quick_check: ok"),
    (storage.judge_journal(journal(check="row 7 missing"), 256), "failure", "row 7 missing"),
    (storage.judge_journal(journal(log_mb=900.0), 256), "warning", "log 900.0 MB"),
    (storage.judge_journal(journal(mode=0o640), 256), "warning", "mode 0640"),
    (service.judge_unit(unit_with(), Settings()), "ok", "KillMode=process"),
    (service.judge_unit(unit_with("TimeoutStopSec=5"), Settings()), "failure", "cut off"),
    (
        service.judge_unit(unit_with("Type=simple", "TimeoutStopSec=90"), Settings()),
        "failure",
        "drain_timeout",
    ),
    (service.judge_unit(unit_with("WatchdogSec=2"), Settings()), "warning", "WatchdogSec is 2"),
    (service.judge_unit(unit_with("WatchdogSec="), Settings()), "warning", "no WatchdogSec"),
    (service.judge_unit(unit_with("KillMode=mixed"), Settings()), "warning", "KillMode is mixed"),
    (service.judge_unit(unit_with("Restart=no"), Settings()), "warning", "stays dead"),
    (
        service.judge_unit(unit_with("RuntimeDirectoryPreserve="), Settings()),
        "warning",
        "RuntimeDirectoryPreserve",
    ),
    (
        service.judge_unit(unit_with("Environment=OPENAI_API_KEY=sk-1"), Settings()),
        "warning",
        "OPENAI_API_KEY is in Environment=",
    ),
    (service.judge_unit(unit_with("LimitNOFILE=70"), slots(64)), "failure", "LimitNOFILE is 70"),
    (service.judge_unit(unit_with("TasksMax=100"), slots(64)), "warning", "TasksMax is 100"),
    (service.judge_pod({}, Settings()), "skipped", "no pod"),
    (
        service.judge_pod({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, Settings()),
        "skipped",
        "can't be seen from inside",
    ),
    (
        service.judge_pod(
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", service.GRACE_VARIABLE: "30"}, Settings()
        ),
        "failure",
        "is 30",
    ),
    (
        service.judge_pod(
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", service.GRACE_VARIABLE: "9000"}, Settings()
        ),
        "ok",
        "is 9000",
    ),
    (service.judge_webhooks(), "skipped", "webhooks"),
    (models.judge_services([], []), "skipped", "no key"),
    (
        models.judge_service(models.ServiceFact(name="S", key="K", origin="o", status=200)),
        "ok",
        "200",
    ),
    (
        models.judge_service(models.ServiceFact(name="S", key="K", origin="o", status=401)),
        "failure",
        "401",
    ),
    (
        models.judge_service(models.ServiceFact(name="S", key="K", origin="o", status=503)),
        "warning",
        "503",
    ),
    (
        models.judge_service(models.ServiceFact(name="S", key="K", origin="o", error="down")),
        "warning",
        "down",
    ),
]


@pytest.mark.parametrize(
    ("finding", "verdict", "word"), CASES, ids=[f"{v}-{w}"[:40] for _, v, w in CASES]
)
def test_facts_lead_to_a_verdict(finding: Finding, verdict: Verdict, word: str) -> None:
    """The evidence has the figure that matters, and a fault comes with what to do about it."""
    assert (finding.verdict, word in finding.evidence) == (verdict, True), finding
    if verdict in ("warning", "failure"):
        assert finding.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("1h 20min", 4800.0),
        ("5min20s", 320.0),
        ("infinity", math.inf),
        ("soon", None),
        ("", None),
        ("500ms", 0.5),
    ],
)
def test_spans_are_read_as_systemd_reads_them(text: str, seconds: float | None) -> None:
    """systemd.time(7)."""
    assert parse_span(text) == seconds


def test_a_drop_in_wins_and_an_empty_value_forgets() -> None:
    """As systemd lays them over each other; another section is none of ours."""
    unit = parse_units(
        "x",
        [
            "[Unit]\nType=no\n[Service]\n# Type=no\nType=simple\nEnvironment=A=1\n",
            "[Service]\nType=\nType=notify\nEnvironment=B=2 \\\n C=3\n",
        ],
    )

    assert unit.last("Type") == "notify"
    assert unit.service["Environment"] == ["A=1", "B=2   C=3"]
