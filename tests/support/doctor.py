"""One check, or a few, on a patient of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from agentd.doctor.catalogue import choose
from agentd.doctor.course import Wishes, run_course
from agentd.doctor.finding import CheckReport
from agentd.doctor.patient import Patient
from agentd.errors import SettingsError
from agentd.protocol.app import AppRef
from agentd.settings.layers import Layer, environment_layers, flags_layer
from agentd.settings.load import credential_layer
from agentd.testing.livekit_server import LiveKitServer

from .daemon import plain_environment

PLENTY = 40.0
"""Seconds: the machine of a test is busy with other tests."""

HAMPERED = Path(__file__).with_name("hampered.py")

APP = """
from agentd import AgentServer
server = AgentServer()
@server.rtc_session(agent_name="examined")
async def entry(ctx): ...
"""
"""One that is well."""


def write(root: Path, text: str, name: str = "app.py") -> Path:
    """A file of a test's."""
    path = root / name
    path.write_text(text)
    return path


def patient_of(
    root: Path,
    *,
    server: LiveKitServer | None = None,
    app: Path | None = None,
    machine: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Patient:
    """A patient with directories below `root`, a server, and what is set besides."""
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "AGENTD_STATE_DIR": str(root / "state"),
        "AGENTD_RUNTIME_DIR": str(root / "run"),
        "AGENTD_PORT": "0",
    }
    if server is not None:
        own |= {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }
    own |= environ or {}
    layers: tuple[Layer, ...] = ()
    error = ""
    try:
        layers = (flags_layer(flags or {}), *environment_layers(own), credential_layer(own))
    except SettingsError as wrong:
        error = str(wrong)
    return Patient(
        layers=layers,
        environ=own,
        app=None if app is None else AppRef(target=str(app)),
        config=config,
        settings_error=error,
        root=machine or Path("/"),
    )


async def look(patient: Patient, *ids: str, fix: bool = False) -> dict[str, CheckReport]:
    """The reports of these checks, by id."""
    wishes = Wishes(timeout=PLENTY, fix=fix)
    report = await run_course(patient, choose(ids), wishes, lambda _: None)
    return {each.id: each for each in report.checks}


async def look_at(patient: Patient, id_: str, *, fix: bool = False) -> CheckReport:
    """The report of one check."""
    return (await look(patient, id_, fix=fix))[id_]


class Typed(NamedTuple):
    """How a typed command went."""

    code: int
    document: dict[str, Any]
    output: str
    """All that it wrote."""

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """By id."""
        return {each["id"]: each for each in self.document["checks"]}


async def typed(
    root: Path,
    *arguments: str,
    server: LiveKitServer | None = None,
    hampered: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> Typed:
    """`agentd doctor ARGUMENTS --json` in a process of its own."""
    command = [sys.executable, "-m", "agentd", "doctor", "--json", f"--timeout={PLENTY}"]
    command += arguments
    if hampered:
        command = [sys.executable, str(HAMPERED), *hampered, "--", *command]
    own = {
        "AGENTD_STATE_DIR": str(root / "state"),
        "AGENTD_RUNTIME_DIR": str(root / "run"),
        "AGENTD_PORT": "0",
        "PYTHONPATH": str(Path.cwd()),
    }
    if server is not None:
        own |= {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=root,
        env=plain_environment() | own | dict(environ or {}),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert out, err.decode()
    return Typed(process.returncode, json.loads(out), (out + err).decode())


def only(*ids: str) -> list[str]:
    """The flags that choose these checks."""
    return [f"--only={id_}" for id_ in ids]


@asynccontextmanager
async def serving(handler: Any, path: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that answers at one path; gives its address."""
    app = web.Application()
    app.router.add_get(path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
