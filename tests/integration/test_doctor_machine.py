"""`agentd doctor` where files, disks, settings, processes or limits are wrong for real."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from aiohttp import web

from agentd.cli.exits import DoctorExit
from agentd.daemon.lock import state_lock
from agentd.doctor.patient import Patient
from agentd.journal.journal import FILE_NAME
from agentd.journal.schema import STEPS, migrate
from tests.support.certificates import make_certificate
from tests.support.doctor import (
    APP,
    look,
    look_at,
    only,
    patient_of,
    serving,
    typed,
    write,
)


def run(command: list[str]) -> int:
    """A short command to its end."""
    return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode


# -- disks and files ---------------------------------------------------------------------


async def test_missing_directories_are_made_by_fix(workdir: Path) -> None:
    """With the right modes; and one that others can write to is closed."""
    checks = ("state-directory", "runtime-directory")
    (workdir / "run").mkdir(mode=0o700)
    (workdir / "run").chmod(0o777)

    before = await look(patient_of(workdir), *checks)
    after = await look(patient_of(workdir), *checks, fix=True)

    assert [before[id_].verdict for id_ in checks] == ["warning", "failure"]
    assert [after[id_].verdict for id_ in checks] == ["ok", "ok"]
    assert "made" in after["state-directory"].fixed
    assert [(workdir / name).stat().st_mode & 0o777 for name in ("state", "run")] == [0o700] * 2


async def test_a_full_disk_and_one_in_memory_are_told(workdir: Path) -> None:
    """A tmpfs of 64 kB, filled up; /dev/shm would be gone with the next boot."""
    state = workdir / "state"
    state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(state)]
    if run(mount):
        pytest.skip("only root can mount")
    try:
        fresh = await look_at(patient_of(workdir), "state-directory")
        with pytest.raises(OSError, match="No space left"):
            (state / "filler").write_bytes(bytes(100_000))
        full = await look(patient_of(workdir), "state-directory", "disk-space")
    finally:
        assert run(["umount", str(state)]) == 0

    assert (fresh.verdict, "tmpfs" in fresh.evidence) == ("warning", True)
    assert full["state-directory"].verdict == "failure"
    assert "No space left" in full["state-directory"].evidence
    assert full["disk-space"].verdict == "failure"


async def test_a_runtime_directory_with_a_long_path_is_told(workdir: Path) -> None:
    """Sockets have 107 bytes."""
    long = workdir / ("x" * 100)
    long.mkdir(mode=0o700)
    patient = patient_of(workdir, environ={"AGENTD_RUNTIME_DIR": str(long)})

    report = await look_at(patient, "runtime-directory")

    assert "too long for a Unix socket" in report.evidence


async def test_journals_that_are_damaged_too_new_or_open_to_others(workdir: Path) -> None:
    """Each is told; none is changed."""
    path = workdir / "state" / FILE_NAME
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as connection:
        migrate(connection)
        connection.executemany(
            "INSERT INTO events (time, kind, text, job, child, fields) "
            "VALUES (0, 'k', ?, '', '', '')",
            [("x" * 900,)] * 200,
        )
    connection.close()
    path.chmod(0o600)
    good = await look_at(patient_of(workdir), "journal")
    path.chmod(0o644)
    open_ = await look_at(patient_of(workdir), "journal")
    path.chmod(0o600)
    whole = path.read_bytes()

    middle = len(whole) // 2 // 4096 * 4096
    path.write_bytes(whole[:middle] + os.urandom(8192) + whole[middle + 8192 :])
    damaged = await look_at(patient_of(workdir), "journal")
    path.write_bytes(os.urandom(20_000))
    foreign = await look_at(patient_of(workdir), "journal")
    path.write_bytes(whole)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    newer = await look_at(patient_of(workdir), "journal")

    assert good.verdict == "ok", good
    assert f"version {len(STEPS)}" in good.evidence
    assert (open_.verdict, "mode 0644" in open_.evidence) == ("warning", True)
    assert damaged.verdict == foreign.verdict == newer.verdict == "failure"
    assert "not a database" in foreign.evidence
    assert "version 99" in newer.evidence


async def test_keys_that_everybody_can_read_are_told(workdir: Path) -> None:
    """Files that variables name, and `.env` beside the app; not what they hold."""
    secret = write(workdir, "a-secret-of-some-length", "secret")
    secret.chmod(0o644)
    write(workdir, "OPENAI_API_KEY=sk-something", ".env").chmod(0o600)
    app = write(workdir, APP)
    environ = {"LIVEKIT_API_SECRET_FILE": str(secret)}
    config = write(workdir, "[livekit]\napi_secret = 'another-secret'\n", "agentd.toml")
    config.chmod(0o604)

    def patient() -> Patient:
        return patient_of(workdir, app=app, environ=environ, config=config)

    report = await look_at(patient(), "secret-files")
    secret.chmod(0o600)
    config.chmod(0o600)
    closed = await look_at(patient(), "secret-files")

    assert (report.verdict, closed.verdict) == ("warning", "ok")
    assert report.remedy == f"chmod o-rwx {secret}; chmod o-rwx {config}"
    assert "a-secret" not in report.evidence


# -- settings ----------------------------------------------------------------------------


async def test_settings_that_can_not_be_used_are_one_failure(workdir: Path) -> None:
    """Checks that need them are skipped, and name it."""
    patient = patient_of(workdir, environ={"AGENTD_MAX_JOBS": "many"})

    reports = await look(patient, "settings", "memory", "state-directory", "python-version")

    assert reports["settings"].verdict == "failure"
    assert "max_jobs: 'many' from environment AGENTD_MAX_JOBS" in reports["settings"].evidence
    assert reports["memory"].verdict == reports["state-directory"].verdict == "skipped"
    assert reports["python-version"].verdict == "ok"


async def test_a_variable_that_sets_nothing_is_told(workdir: Path) -> None:
    """With the likely name."""
    patient = patient_of(workdir, environ={"AGENTD_MAX_JOB": "3"})

    report = await look_at(patient, "settings")

    assert "did you mean AGENTD_MAX_JOBS" in report.evidence


@pytest.mark.parametrize("url", ["", "localhost:7880", "ws://"])
async def test_a_url_that_can_not_be_one_is_told(workdir: Path, url: str) -> None:
    """And with it the rest of the way to the server is skipped."""
    environ = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32}

    report = await look_at(patient_of(workdir, environ=environ), "livekit-url")

    assert report.verdict == "failure"
    assert "LIVEKIT_URL" in report.remedy


async def test_what_is_set_unwisely_is_told(workdir: Path) -> None:
    """An open HTTP port, a proxy that is none, a pod whose grace is short, an idle option."""
    app = write(workdir, APP.replace("AgentServer()", "AgentServer(load_fnc=lambda: 0.5)"))
    environ = {
        "AGENTD_HOST": "0.0.0.0",
        "HTTPS_PROXY": "socks://proxy",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "TERMINATION_GRACE_PERIOD_SECONDS": "30",
    }

    reports = await look(
        patient_of(workdir, app=app, environ=environ),
        *("http-token", "proxies", "kubernetes", "app-agent"),
    )

    assert reports["http-token"].verdict == "failure"
    assert "0.0.0.0" in reports["http-token"].evidence
    assert reports["proxies"].verdict == reports["kubernetes"].verdict == "failure"
    assert (reports["app-agent"].verdict, "load_fnc" in reports["app-agent"].evidence) == (
        "warning",
        True,
    )


# -- TLS -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "trusted", "verdict", "word"),
    [
        (90.0, True, "ok", "days left"),
        (5.0, True, "warning", "days left"),
        (-3.0, True, "failure", "expired"),
        (90.0, False, "failure", "self-signed"),
    ],
)
async def test_certificates_are_looked_at(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: float,
    trusted: bool,
    verdict: str,
    word: str,
) -> None:
    """By a handshake with a server that has one."""
    certificate, key = make_certificate(workdir, days_left=days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="OK")

    async with serving(hello, "/", context) as url:
        environ = {
            "LIVEKIT_URL": url.replace("http://127.0.0.1", "wss://localhost"),
            "LIVEKIT_API_KEY": "k",
            "LIVEKIT_API_SECRET": "s" * 32,
        }
        report = await look_at(patient_of(workdir, environ=environ), "tls")

    assert (report.verdict, word in report.evidence) == (verdict, True), report


@pytest.mark.parametrize(
    ("days", "verdict", "word"),
    [(90.0, "ok", "days left"), (5.0, "warning", "days left"), (-3.0, "failure", "expired")],
)
async def test_the_certificate_of_http_is_looked_at(
    workdir: Path, days: float, verdict: str, word: str
) -> None:
    """Before a daemon is started with it; and who can read its key."""
    certificate, key = make_certificate(workdir, days_left=days)
    key.chmod(0o644)
    environ = {"AGENTD_TLS_CERT": str(certificate), "AGENTD_TLS_KEY": str(key)}

    reports = await look(patient_of(workdir, environ=environ), "http-certificate", "secret-files")

    assert (reports["http-certificate"].verdict, word in reports["http-certificate"].evidence) == (
        verdict,
        True,
    ), reports
    assert str(key) in reports["secret-files"].remedy


async def test_files_that_are_no_pair_are_told(workdir: Path) -> None:
    """Another certificate's key, and a file that is not there."""
    certificate, _ = make_certificate(workdir, days_left=90)
    _, other = make_certificate(workdir, days_left=91)
    told = []
    for key in (other, workdir / "none.pem"):
        environ = {"AGENTD_TLS_CERT": str(certificate), "AGENTD_TLS_KEY": str(key)}
        told.append(await look_at(patient_of(workdir, environ=environ), "http-certificate"))

    assert [each.verdict for each in told] == ["failure"] * 2
    assert "MISMATCH" in told[0].evidence
    assert "No such file" in told[1].evidence


async def test_plain_signalling_over_a_network_is_told(workdir: Path) -> None:
    """By the address alone: nobody is asked."""
    environ = {
        "LIVEKIT_URL": "ws://livekit.example:7880",
        "LIVEKIT_API_KEY": "k",
        "LIVEKIT_API_SECRET": "s" * 32,
    }

    report = await look_at(patient_of(workdir, environ=environ), "tls")

    assert (report.verdict, "wss://" in report.remedy) == ("warning", True)


# -- processes and limits ------------------------------------------------------------------


async def test_what_dead_daemons_left_is_told_and_cleared_away(workdir: Path) -> None:
    """Sockets and a dev run's directory; but not while a process of that daemon lives."""
    run = workdir / "run"
    (run / "dev-999999999").mkdir(parents=True, mode=0o700)
    for name in ("control.sock", "agentd.sock"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(run / name))
    boot = json.dumps({"app": {"target": "/a.py"}, "socket": str(run / "agentd.sock")})
    sleeper = "import sys; sys.stdin.read()"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", sleeper, "-m", "agentd.template", boot), stdin=PIPE
    )
    try:
        living = await look(patient_of(workdir), "leftovers", "stale-files", fix=True)
        assert run.joinpath("agentd.sock").is_socket()
    finally:
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()
    dead = await look(patient_of(workdir), "leftovers", "stale-files", fix=True)

    assert living["leftovers"].verdict == "warning"
    assert f"pid {child.pid}" in living["leftovers"].evidence
    assert "dev-999999999" in living["stale-files"].fixed
    assert f"pid {child.pid}" not in dead["leftovers"].evidence
    assert "removed" in dead["stale-files"].fixed
    assert list(run.iterdir()) == []


async def test_directories_of_daemons_that_can_not_be_seen_are_left_alone(workdir: Path) -> None:
    """One in a container has no process here: its lock and its socket tell that it lives."""
    locked = workdir / "state" / "dev-999999998"
    served = workdir / "run" / "dev-999999997"
    for path in (locked, served, workdir / "state" / "dev-999999996"):
        path.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening, state_lock(locked):
        listening.bind(str(served / "control.sock"))
        listening.listen()
        report = await look_at(patient_of(workdir), "stale-files", fix=True)

    assert "dev-999999996" in report.fixed
    assert locked.is_dir()
    assert served.is_dir()


async def test_a_taken_port_is_told_with_who_has_it(workdir: Path) -> None:
    """Which here is the test itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        report = await look_at(patient_of(workdir, environ={"AGENTD_PORT": str(port)}), "http-port")

    assert report.verdict == "failure"
    assert f"pid {os.getpid()}" in report.evidence


async def test_a_hampered_machine_is_told(workdir: Path) -> None:
    """Few descriptors, core files, no pidfd, output in ASCII: one run, as an operator types it."""
    ids = ("open-files", "core-files", "kernel", "text-encoding", "python-version")
    run = await typed(
        workdir,
        "--max-jobs=64",
        *only(*ids),
        hampered=("--files", "100", "--core", "1000000", "--no-pidfd"),
        environ={"PYTHONIOENCODING": "ascii"},
    )

    checks = run.checks
    assert run.code == DoctorExit.FAILURES
    told = {id_: (checks[id_]["verdict"], checks[id_]["evidence"]) for id_ in ids}
    assert told["open-files"][0] == "failure"
    assert "100 open files" in told["open-files"][1]
    assert told["kernel"][0] == "failure"
    assert "pidfd_open" in told["kernel"][1]
    assert told["text-encoding"] == ("warning", "text is written as ascii: logs lose letters")
    assert told["python-version"][0] == "ok"
    piped = Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")
    assert told["core-files"][0] == ("ok" if piped else "warning")
