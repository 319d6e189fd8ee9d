"""Facts from a machine's files, on machines that a test has made: limits, units, buffers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from agentd.doctor.checks.daemon import try_port
from agentd.doctor.checks.machine import udp_counters
from agentd.doctor.checks.storage import filesystem_of
from agentd.doctor.processes import own_processes, parse_arguments
from agentd.doctor.turn import (
    TurnAddress,
    allocate_request,
    ask_turn,
    parse_turn,
    refused_with,
    signal_url,
)
from tests.support.doctor import look, look_at, patient_of


def put(root: Path, files: dict[str, str]) -> Path:
    """A machine's files below a directory."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


GROUP = {
    "proc/self/cgroup": "0::/calls\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\nSwapTotal: 0 kB\n",
    "sys/fs/cgroup/cgroup.controllers": "memory pids cpu",
    "sys/fs/cgroup/calls/memory.current": "0",
    "sys/fs/cgroup/calls/memory.stat": "inactive_file 0\n",
}


async def test_a_control_group_that_is_too_small_for_the_slots_is_told(tmp_path: Path) -> None:
    """Memory, CPU and processes each, with how many slots would fit."""
    machine = put(
        tmp_path / "machine",
        GROUP
        | {
            "sys/fs/cgroup/calls/memory.max": str(600 * 2**20),
            "sys/fs/cgroup/calls/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/calls/pids.max": "300\n",
            "sys/fs/cgroup/calls/pids.current": "10\n",
        },
    )
    patient = patient_of(tmp_path, machine=machine, flags={"max_jobs": "64"})

    reports = await look(patient, "memory", "cpu", "processes")

    assert {each.verdict for each in reports.values()} == {"warning"}
    assert "600 MB (limit of the control group" in reports["memory"].evidence
    assert "--max-jobs 7" in reports["memory"].remedy
    assert "0.5 cores" in reports["cpu"].evidence
    assert "--max-jobs 4" in reports["cpu"].remedy
    assert "allows 300" in reports["processes"].evidence


async def test_a_group_without_limits_is_the_machine(tmp_path: Path) -> None:
    """What binds then is the machine's memory."""
    machine = put(tmp_path / "machine", GROUP | {"sys/fs/cgroup/calls/memory.max": "max\n"})
    patient = patient_of(tmp_path, machine=machine, flags={"max_jobs": "4"})

    report = await look_at(patient, "memory")

    assert report.verdict == "ok"
    assert "the machine's memory" in report.evidence


async def test_a_machine_that_loses_datagrams_is_told(tmp_path: Path) -> None:
    """By the kernel's own counters."""
    machine = put(
        tmp_path / "machine",
        {
            "proc/sys/net/core/rmem_max": "65536\n",
            "proc/sys/net/core/rmem_default": "65536\n",
            "proc/net/snmp": "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 1000 3 50\n",
            "proc/sys/vm/overcommit_memory": "2\n",
        },
    )

    reports = await look(patient_of(tmp_path, machine=machine), "udp-buffers", "memory-policy")

    assert "receive buffer 64 KiB" in reports["udp-buffers"].evidence
    assert "50 of 1000 datagrams" in reports["udp-buffers"].evidence
    assert reports["memory-policy"].verdict == "warning"


async def test_an_installed_unit_is_read_with_its_drop_ins(tmp_path: Path) -> None:
    """A drop-in of the operator's that cuts a drain short is found, though the unit is good."""
    machine = put(
        tmp_path / "machine",
        {
            "usr/lib/systemd/system/agentd.service": (
                "[Service]\nType=simple\nKillMode=process\nRestart=always\nTimeoutStopSec=infinity\n"
            ),
            "etc/systemd/system/agentd.service.d/stop.conf": "[Service]\nTimeoutStopSec=20\n",
            "etc/systemd/system/agentd-exporter.txt": "no unit",
        },
    )
    patient = patient_of(tmp_path, machine=machine, flags={"drain_timeout": "1800"})

    report = await look_at(patient, "systemd-unit")

    assert report.verdict == "failure"
    assert "TimeoutStopSec is 20 s" in report.evidence
    assert "drain_timeout 1800 s" in report.evidence


async def test_without_a_unit_there_is_nothing_to_see(tmp_path: Path) -> None:
    """A developer's machine has none."""
    machine = put(tmp_path / "machine", {"etc/os-release": ""})

    assert (await look_at(patient_of(tmp_path, machine=machine), "systemd-unit")).verdict == (
        "skipped"
    )


def test_a_filesystem_is_that_of_the_nearest_mount() -> None:
    """The last of several on one place counts."""
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:9 / /run rw,nosuid shared:5 - tmpfs tmpfs rw\n"
        "31 22 0:9 / /var/lib/my\\040calls rw - nfs4 host:/x rw\n"
        "odd line\n"
    )

    assert filesystem_of(Path("/run/agentd"), mounts) == "tmpfs"
    assert filesystem_of(Path("/var/lib/my calls/x"), mounts) == "nfs4"
    assert filesystem_of(Path("/runner"), mounts) == "ext4"


def test_counters_of_a_kernel_that_tells_none_are_none() -> None:
    """A container may see no /proc/net."""
    assert udp_counters("") == {}


def test_a_port_that_is_taken_is_told() -> None:
    """By trying it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        facts = try_port("127.0.0.1", port)

    assert facts.taken
    assert not try_port("127.0.0.1", port).taken
    assert try_port("192.0.2.77", 1).error


def test_only_processes_of_a_daemon_are_ours() -> None:
    """By what they were started with; other programs of Python are not."""
    boot = '{"app":{"target":"/a.py"},"socket":"/run/agentd/agentd.sock"}'

    assert parse_arguments(["python", "-m", "agentd.template", boot, ""]) == (
        "agentd.template",
        Path("/run/agentd"),
    )
    for other in (
        ["python", "-m", "http.server"],
        ["python", "-m", "agentd.template", "{"],
        ["python", "-m", "agentd.template"],
        ["python", "-m", "agentd.template", '{"app":{"target":"/a.py"},"describe":true}'],
        ["vim"],
        ["python", "-m"],
    ):
        assert parse_arguments(other) is None
    assert all(each.pid != os.getpid() for each in own_processes(Path("/proc")))


# -- TURN ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("turn:turn.example:3478?transport=udp", "udp turn.example:3478"),
        ("turn:turn.example?transport=tcp", "tcp turn.example:3478"),
        ("turns:turn.example:443?transport=tcp", "tls turn.example:443"),
        ("turn:[fd00::1]:5", "udp fd00::1:5"),
        ("stun:stun.example:3478", "None"),
    ],
)
def test_addresses_of_turn_servers_are_understood(url: str, shown: str) -> None:
    """RFC 7065."""
    assert str(parse_turn(url)) == shown


def test_only_a_refusal_of_our_own_question_counts() -> None:
    """Any other bytes are no TURN server's answer, however they are cut."""
    mine = b"m" * 12
    refusal = b"\x01\x13\x00\x08\x21\x12\xa4\x42" + mine + b"\x00\x09\x00\x04\x00\x00\x04\x01"

    assert refused_with(refusal, mine) == 401
    assert refused_with(refusal, b"o" * 12) is None
    assert all(refused_with(refusal[:size], mine) is None for size in range(len(refusal)))
    assert len(allocate_request(mine)) == 28


async def test_a_turn_server_that_is_not_there_is_told() -> None:
    """A closed port refuses; something else answers otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    for transport in ("udp", "tcp", "tls"):
        assert await ask_turn(TurnAddress(host="127.0.0.1", port=port, transport=transport))


def test_signalling_is_beside_the_workers_path() -> None:
    """Also where the server is not at the root."""
    assert str(signal_url("wss://x.example/lk")).startswith("wss://x.example/lk/rtc?")
    assert str(signal_url("http://127.0.0.1:7880")).startswith("ws://127.0.0.1:7880/rtc?")
