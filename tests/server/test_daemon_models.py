"""A daemon whose app names a local model: one process has it, and no job depends on its life."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import Callers, Daemon, running_daemon
from tests.support.healthz import healthz_until, is_well

pytestmark = pytest.mark.timeout(90)
"""Daemons, jobs and their rooms: seconds each, more on a busy machine."""

APP = Path(__file__).parents[1] / "support" / "models_app.py"


@pytest.fixture
def root(workdir: Path) -> Path:
    """A folder with the app in it."""
    shutil.copy(APP, workdir)
    return workdir


async def host_of(daemon: Daemon, *, since: int = 0) -> int:
    """The pid of its model host, when that is ready."""
    line = await daemon.wait_for(action="models_ready", since=since)
    return int(line["host_pid"])


async def test_all_jobs_use_the_model_of_one_process(
    root: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """It is loaded before the first job can come, and is a part of the daemon's tree."""
    async with running_daemon(root, "start", APP.name, server=livekit_server) as daemon:
        await daemon.wait_ready()
        host = await host_of(daemon)
        jobs = [await callers.job(daemon, "") for _ in range(2)]

        for job in jobs:
            await daemon.wait_for(job=job["job"], message=f"begun in {host}")
            await callers.say(job["room"], "end")
        tree = await agentd(daemon, "status", "--tree")
        assert "models  running" in tree.out
        for job in jobs:
            await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        assert await daemon.stop() == 0


async def test_a_killed_model_host_costs_no_job(
    root: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """The job asks again, and the next host answers."""
    async with running_daemon(root, "start", APP.name, server=livekit_server) as daemon:
        await daemon.wait_ready()
        old = await host_of(daemon)
        job = await callers.job(daemon, "")
        await daemon.wait_for(job=job["job"], message=f"begun in {old}")
        since = len(daemon.lines)
        os.kill(old, signal.SIGKILL)
        await callers.say(job["room"], "and now")

        new = await host_of(daemon, since=since)
        await daemon.wait_for(job=job["job"], message=f"and now in {new}")
        await healthz_until(daemon, is_well)
        assert daemon.seen(action="job_ended") == []
        await callers.say(job["room"], "end")
        await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")


async def test_a_job_keeps_its_model_when_the_daemon_is_killed(
    root: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """The host of before serves it until its end; the next daemon has a host for its own jobs."""
    async with running_daemon(root, "start", APP.name, server=livekit_server) as daemon:
        await daemon.wait_ready()
        old = await host_of(daemon)
        job = await callers.job(daemon, "")
        await daemon.wait_for(job=job["job"], message=f"begun in {old}")
        await daemon.crash()
        async with running_daemon(
            root, "start", APP.name, server=livekit_server, agent_name=daemon.agent_name
        ) as following:
            await following.wait_for(action="job_adopted", job=job["job"])
            await following.wait_ready()
            await callers.say(job["room"], "still here")
            await following.wait_for(job=job["job"], message=f"still here in {old}")
            another = await callers.job(following, "")
            new = await host_of(following)
            await following.wait_for(job=another["job"], message=f"begun in {new}")
            for each in (job, another):
                await callers.say(each["room"], "end")
                await following.wait_for(action="job_ended", job=each["job"])


async def test_a_reload_brings_the_models_that_the_app_names_now(
    root: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """Others than before, where it named none; and none again."""
    source = APP.read_text()
    without = source.replace("models=[REF]", "")
    (root / APP.name).write_text(without)
    async with running_daemon(root, "start", APP.name, server=livekit_server) as daemon:
        await daemon.wait_ready()
        job = await callers.job(daemon, "")
        own = await daemon.wait_for(job=job["job"], name="agentd.output")
        assert own["message"] == f"begun in {own['pid']}"
        assert daemon.seen(action="models_ready") == []

        (root / APP.name).write_text(source)
        daemon.signal(signal.SIGHUP)
        host = await host_of(daemon)
        await daemon.wait_for(action="reloaded")
        job = await callers.job(daemon, "")
        await daemon.wait_for(job=job["job"], message=f"begun in {host}")
        await callers.say(job["room"], "end")
        await daemon.wait_for(action="job_ended", job=job["job"])


async def test_a_model_without_its_weights_is_told_at_the_start(
    root: Path, livekit_server: LiveKitServer
) -> None:
    """With the remedy, and the exit code of an app that can't be used."""
    (root / "no_weights").touch()

    async with running_daemon(root, "start", APP.name, server=livekit_server) as daemon:
        assert await daemon.wait_exit() == 3

    assert "the model 'own' could not be loaded: it has no weights: run `fetch`" in daemon.errors
