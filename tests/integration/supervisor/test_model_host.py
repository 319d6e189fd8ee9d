"""The model host as a process: it answers, dies, is replaced, and costs nobody a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentd.errors import ModelBusy, ModelError, ModelHostError
from agentd.models import LocalModel, ModelRef, local_model
from agentd.settings.load import MODEL_HOST_VARIABLE
from tests.support.changes import Changes
from tests.support.model_host import hosting
from tests.support.toy_model import Gate, toy


@pytest.fixture
def socket(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host listens, and this process looks for it."""
    path = workdir / "models.sock"
    monkeypatch.setenv(MODEL_HOST_VARIABLE, str(path))
    return path


@contextmanager
def using(ref: ModelRef) -> Iterator[LocalModel]:
    """A model as a plugin has it."""
    model = local_model(ref)
    try:
        yield model
    finally:
        model.close()


async def test_a_call_is_answered_by_the_host(socket: Path, changes: Changes) -> None:
    """Not in the process that asks."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            assert await model.run(b"pid") == str(host.pids[0]).encode()


async def test_a_call_outlives_the_host_that_had_it(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """It is made again with the next one, and whoever waits for it only waits longer."""
    gate = Gate(workdir / "gate")
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            call = asyncio.create_task(model.run(gate.order))
            await gate.somebody_came()
            host.kill()
            await gate.somebody_came()
            await gate.let_go()

            assert await call == str(host.pids[1]).encode()
    assert host.pids[0] != host.pids[1]
