"""The API is asked whatever its own document allows, and more: no fault of ours, and no hang.

`AGENTD_FUZZ_EXAMPLES=2000 pytest tests/integration/test_http_fuzz.py` looks for longer.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agentd.journal.records import Batch
from agentd.management.openapi import make_document
from agentd.management.routes import ROUTES
from tests.support.controls import full_record, history_of
from tests.support.http import WITH_TOKEN, WORD, Scripted, served

EXAMPLES = int(os.environ.get("AGENTD_FUZZ_EXAMPLES", "6"))

HANG = 10.0
"""Seconds that no answer takes: handlers have 8."""

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]

schema = schemathesis.openapi.from_dict(make_document(ROUTES))


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A server on a loop of its own, since who asks here blocks."""
    ready, ending = threading.Event(), threading.Event()
    found: list[Scripted] = []

    async def serve() -> None:
        async with served(http_token=WORD) as scripted:
            scripted.controls.keep(full_record(), full_record("AJ_2", ended=True))
            scripted.controls.store.write(history_of("AJ_1"))
            found.append(scripted)
            ready.set()
            await asyncio.to_thread(ending.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(HANG)
    yield f"http://127.0.0.1:{found[0].port}"
    ending.set()
    thread.join()


def test_the_journal_has_something_to_find() -> None:
    """Else pages would be empty."""
    assert isinstance(history_of("AJ_1"), Batch)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_is_answered(case: schemathesis.Case[Any], base_url: str) -> None:
    """In the form that the document promises, and never with a fault of ours."""
    case.call_and_validate(base_url=base_url, headers=WITH_TOKEN, timeout=HANG, checks=CHECKS)
