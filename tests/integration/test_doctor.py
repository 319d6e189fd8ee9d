"""`agentd doctor` where something is wrong for real: apps, files, disks, processes, limits."""

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
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agentd.cli.exits import DoctorExit
from agentd.journal.journal import FILE_NAME
from agentd.journal.schema import STEPS, migrate
from tests.support.certificates import make_certificate
from tests.support.daemon import plain_environment
from tests.support.doctor import look, look_at, patient_of

HAMPERED = Path(__file__).parents[1] / "support/hampered.py"

APP = """
from agentd import AgentServer
server = AgentServer()
@server.rtc_session(agent_name="examined")
async def entry(ctx): ...
"""

APP_CHECKS = ("app-imports", "app-import-time", "app-fork-safe", "app-agent")


def run(command: list[str]) -> int:
    """A short command to its end."""
    return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode


def write(root: Path, text: str, name: str = "app.py") -> Path:
    path = root / name
    path.write_text(text)
    return path


async def typed(
    root: Path,
    *arguments: str,
    hampered: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """`agentd doctor ARGUMENTS --json` in a process of its own: exit code and checks by id."""
    command = [sys.executable, "-m", "agentd", "doctor", *arguments, "--json", "--timeout", "40"]
    if hampered:
        command = [sys.executable, str(HAMPERED), *hampered, "--", *command]
    places = {"AGENTD_STATE_DIR": str(root / "state"), "AGENTD_RUNTIME_DIR": str(root / "run")}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=root,
        env=plain_environment() | places | {"PYTHONPATH": str(Path.cwd())} | dict(environ or {}),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert out, err.decode()
    document = json.loads(out)
    return process.returncode, {each["id"]: each for each in document["checks"]}


# -- the app -----------------------------------------------------------------------------


async def test_an_app_that_is_well(workdir: Path) -> None:
    """Imported once for all of its checks, in a process of its own."""
    reports = await look(patient_of(workdir, app=write(workdir, APP)), *APP_CHECKS)

    assert {each.verdict for each in reports.values()} == {"ok"}, reports
    assert "agent_name 'examined'" in reports["app-agent"].evidence
    assert "app" not in sys.modules


async def test_threads_that_an_import_leaves_are_told_with_the_module(workdir: Path) -> None:
    """A Python thread by its line, a native one by the module that was being imported."""
    write(
        workdir,
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()\n",
        "crm.py",
    )
    native = "import _thread, threading\n_thread.start_new_thread(threading.Event().wait, ())\n"
    write(workdir, native, "sdk.py")
    app = write(workdir, "import crm\nimport sdk\nimport colorsys\n" + APP + "server.options\n")
    reports = await look(patient_of(workdir, app=app), "app-fork-safe", "app-agent")

    evidence = reports["app-fork-safe"].evidence
    assert reports["app-fork-safe"].verdict == "warning"
    assert "2 threads" in evidence
    assert f"poller by crm ({workdir}/crm.py:2)" in evidence
    assert "python by sdk" in evidence
    forced = await look_at(
        patient_of(workdir, app=app, flags={"start_method": "fork"}), "app-fork-safe"
    )
    assert forced.verdict == "failure"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_here\n" + APP, ["no_such_module_here", "app.py", "line 1"]),
        (APP.replace("@server", "#@server"), ["rtc_session"]),
        ("import sys\nsys.exit(3)\n", ["ended the process", "exit code 3"]),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", ["SIGSEGV"]),
        ("def x(:\n", ["SyntaxError", "line 1"]),
    ],
)
async def test_an_app_that_does_not_import_is_told_with_its_line(
    workdir: Path, text: str, words: list[str]
) -> None:
    """What depends on it is skipped, and says so."""
    patient = patient_of(workdir, app=write(workdir, text))

    reports = await look(patient, *APP_CHECKS, "memory")

    found = reports["app-imports"]
    assert found.verdict == "failure"
    assert all(word in found.evidence for word in words), found.evidence
    assert {reports[id_].verdict for id_ in APP_CHECKS[1:]} == {"skipped"}
    assert reports["memory"].verdict != "failure"


async def test_an_app_that_hangs_does_not_hold_up_the_rest(workdir: Path) -> None:
    """It is a failure at its deadline; its process is ended."""
    app = write(workdir, "import threading\nprint('here', flush=True)\nthreading.Event().wait()\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentd", "doctor", str(app), "--json", "--timeout", "1.5"),
        *("--only", "app-imports", "--only", "text-encoding"),
        cwd=workdir,
        env=plain_environment(),
        stdout=PIPE,
    )
    out, _ = await process.communicate()

    checks = {each["id"]: each for each in json.loads(out)["checks"]}
    assert "no result within" in checks["app-imports"]["evidence"]
    assert checks["text-encoding"]["verdict"] == "ok"


async def test_a_slow_import_names_the_package(workdir: Path) -> None:
    """By Python's own figures."""
    (workdir / "heavy").mkdir()
    write(workdir, "import threading\nthreading.Event().wait(0.4)\n", "heavy/__init__.py")
    app = write(workdir, "import heavy\n" + APP)
    patient = patient_of(workdir, app=app, flags={"template_timeout": "0.2"})

    report = await look_at(patient, "app-import-time")

    assert report.verdict == "failure"
    assert "the slowest: heavy 0.4" in report.evidence


async def test_the_model_of_an_app_is_asked(workdir: Path) -> None:
    """One at the top level of a module; what it says is the evidence, and its key is not in it."""
    model = """
from agentd.llm import LLM
class Broken(LLM):
    def generate(self, request): ...
    async def probe(self, conn_options):
        raise OSError("who is sk-secret-secret-secret-1?")
brain = Broken()
"""
    patient = patient_of(workdir, app=write(workdir, model + APP))

    report = await look_at(patient, "providers")

    assert report.verdict == "failure"
    assert "app.brain" in report.evidence
    assert "sk-secret" not in report.evidence


async def test_keys_are_asked_about_without_cost(workdir: Path) -> None:
    """A service that takes the key, and one that does not; nothing else is asked of it."""
    asked = []

    async def models(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        good = request.headers["Authorization"] == "Bearer good-key-of-mine"
        return web.json_response({}, status=200 if good else 401)

    async with serving(models, "/v1/models") as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1"}
        good = await look_at(
            patient_of(workdir, environ=environ | {"OPENAI_API_KEY": "good-key-of-mine"}),
            "providers",
        )
        bad = await look_at(
            patient_of(workdir, environ=environ | {"OPENAI_API_KEY": "bad-key-of-mine"}),
            "providers",
        )

    assert (good.verdict, bad.verdict) == ("ok", "failure")
    assert "OpenAI answered HTTP 401 to OPENAI_API_KEY" in bad.evidence
    assert "bad-key-of-mine" not in bad.evidence + bad.remedy
    assert asked == [("GET", "/v1/models")] * 2


@asynccontextmanager
async def serving(handler: Any, path: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get(path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_missing_model_files_are_told_and_fetching_says_why_not(workdir: Path) -> None:
    """A failure where the app uses the plugin; `--fix` tries to fetch them."""
    app = write(workdir, "from agentd.plugins import smartturn\nsmartturn.__name__\n" + APP)
    environ = {
        "AGENTD_MODELS_DIR": str(workdir / "models"),
        "UV_INDEX_URL": "http://127.0.0.1:9/simple",
    }

    report = await look_at(patient_of(workdir, app=app, environ=environ), "model-files", fix=True)

    assert report.verdict == "failure"
    assert "smartturn: " in report.evidence
    assert "agentd models fetch smartturn" in report.remedy
    assert "could not be fetched" in report.fixed


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

    report = await look_at(patient_of(workdir, app=app, environ=environ), "secret-files")
    secret.chmod(0o600)
    closed = await look_at(patient_of(workdir, app=app, environ=environ), "secret-files")

    assert (report.verdict, closed.verdict) == ("warning", "ok")
    assert report.remedy == f"chmod o-rwx {secret}"
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
    code, checks = await typed(
        workdir,
        *(part for id_ in ids for part in ("--only", id_)),
        hampered=("--files", "100", "--core", "1000000", "--no-pidfd"),
        environ={"PYTHONIOENCODING": "ascii"},
    )

    assert code == DoctorExit.FAILURES
    told = {id_: (checks[id_]["verdict"], checks[id_]["evidence"]) for id_ in ids}
    assert told["open-files"][0] == "failure"
    assert "100 open files" in told["open-files"][1]
    assert told["kernel"][0] == "failure"
    assert "pidfd_open" in told["kernel"][1]
    assert told["text-encoding"] == ("warning", "text is written as ascii: logs lose letters")
    assert told["python-version"][0] == "ok"
    piped = Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")
    assert told["core-files"][0] == ("ok" if piped else "warning")


async def test_broken_packages_are_told(workdir: Path) -> None:
    """An old package before the right one, a plugin for another agentd, broken libraries."""
    site = workdir / "site"
    for name, version, more in (
        ("msgspec", "0.1", ""),
        ("agentd_broken", "9.9", "Requires-Dist: agentd>=99\n"),
    ):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{more}"
        )
        if more:
            (info / "entry_points.txt").write_text("[agentd.plugins]\nbroken = agentd_broken\n")
    write(site, "raise ImportError('undefined symbol: uv_loop')\n", "uvloop.py")
    write(site, "import os\nos.abort()\n", "sounddevice.py")
    ids = ("packages", "plugins", "uvloop", "native-libraries")

    code, checks = await typed(
        workdir,
        *(part for id_ in ids for part in ("--only", id_)),
        environ={"PYTHONPATH": f"{site}:{Path.cwd()}"},
    )

    assert code == DoctorExit.FAILURES
    assert "msgspec 0.1, needed is" in checks["packages"]["evidence"]
    assert "broken: its package is gone" in checks["plugins"]["evidence"]
    assert "needs agentd>=99, here is 0.1.0" in checks["plugins"]["evidence"]
    assert (checks["uvloop"]["verdict"], "uv_loop" in checks["uvloop"]["evidence"]) == (
        "warning",
        True,
    )
    assert "SIGABRT: loading sounddevice" in checks["native-libraries"]["evidence"]
