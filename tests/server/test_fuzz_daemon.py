"""The management API of a real daemon, fuzzed from its own document: no fault, no hang, no lie."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agentd.management.openapi import make_document
from agentd.management.routes import PREFIX, ROUTES, Route
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, running_daemon, write_app

TOKEN = "fuzz-8d1f0a6c3b7e4f52a9c6"

EXAMPLES = int(os.environ.get("AGENTD_FUZZ_EXAMPLES", "6"))
"""Of each operation, well-formed ones and as many that are not."""

ANSWER_TIMEOUT = 10.0
"""Seconds; the daemon itself gives up after 8."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

LEFT_OUT = {"drain", "watch_drain"}
"""The one would end the daemon, the other lasts until then."""

FUZZED = [route for route in ROUTES if route.name not in LEFT_OUT]


def fuzz(url: str, route: Route) -> int:
    """Ask whatever the document allows of an operation, and what it does not; says how often."""
    schema = schemathesis.openapi.from_dict(msgspec.to_builtins(make_document(ROUTES)))
    operation = schema[f"{PREFIX}{route.path}"][route.method]
    asked = 0

    with requests.Session() as session:
        for mode in modes(route):

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case[Any]) -> None:
                nonlocal asked
                asked += 1
                answer = case.call(
                    base_url=url,
                    session=session,
                    headers={"Authorization": f"Bearer {TOKEN}"},
                    timeout=ANSWER_TIMEOUT,
                )
                case.validate_response(answer, checks=CHECKS)
                if answer.status_code >= 400:
                    assert set(answer.json()["error"]) == {"code", "message"}

            ask()
    return asked


def modes(route: Route) -> list[schemathesis.GenerationMode]:
    """Of what takes nothing there is nothing to get wrong."""
    takes = route.parameters or route.query or route.body
    found = [schemathesis.GenerationMode.POSITIVE]
    return [*found, schemathesis.GenerationMode.NEGATIVE] if takes else found


async def http_url(daemon: Daemon) -> str:
    """Where its HTTP port is."""
    line = await daemon.wait_for(action="http_listening")
    return str(line["url"]).removesuffix("/healthz")


@pytest.mark.timeout(180)
async def test_whatever_is_asked_is_answered_in_good_order(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """By the document, by its status, in time; the daemon is well after all of it."""
    write_app(workdir)
    environ: dict[str, Any] = {"AGENTD_HTTP_TOKEN": TOKEN}
    async with running_daemon(
        workdir, "start", "app.py", "--max-jobs", "6", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_ready()
        url = await http_url(daemon)

        asked = {route.name: await asyncio.to_thread(fuzz, url, route) for route in FUZZED}

        health = await asyncio.to_thread(requests.get, f"{url}/healthz", timeout=ANSWER_TIMEOUT)
        assert health.status_code == 200
        assert min(asked.values()) >= 1
        assert daemon.seen(action="control_failed") == []
