"""One check, or a few, on a patient of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agentd.doctor.catalogue import choose
from agentd.doctor.course import Wishes, run_course
from agentd.doctor.finding import CheckReport
from agentd.doctor.patient import Patient
from agentd.errors import SettingsError
from agentd.protocol.app import AppRef
from agentd.settings.layers import Layer, environment_layers, flags_layer
from agentd.settings.load import credential_layer
from agentd.testing.livekit_server import LiveKitServer

PLENTY = 40.0
"""Seconds: the machine of a test is busy with other tests."""


def patient_of(
    root: Path,
    *,
    server: LiveKitServer | None = None,
    app: Path | None = None,
    machine: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
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
