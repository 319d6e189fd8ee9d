"""The template: imports the user's app once, forks children, and comes back when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from agentd.errors import AgentdError, AppImportFailed, AppNotFound, TemplateError
from agentd.protocol.app import AppRef
from agentd.settings.load import child_environment
from agentd.settings.model import Settings
from agentd.supervisor import process as processes
from agentd.supervisor import template as templates
from agentd.supervisor.process import OsProcess, Reaper
from agentd.supervisor.template import Template, TemplateSpec
from tests.support.changes import DEADLINE, Changes
from tests.support.supervised import Plan, Sink, Supervised, supervised, with_pool

APP = """\
import os
from agentd import AgentServer

print("imported in", os.getpid())

def preload():
    print("preloaded in", os.getpid())

def prewarm(process):
    print("prewarmed in", os.getpid(), process.pid)
    process.userdata["version"] = VERSION

VERSION = "one"
server = AgentServer(setup_fnc=prewarm, preload_fnc=preload)

@server.rtc_session()
async def entry(ctx):
    print("job on", ctx.proc.userdata["version"])
    if ctx.job.metadata == "stay":
        import asyncio
        await asyncio.Event().wait()
    ctx.shutdown("done")
"""

WITH_THREAD = """\
import threading
threading.Thread(target=threading.Event().wait, name="meddler", daemon=True).start()
"""

WITH_THREAD_ON_SIGNAL = """\
import signal, threading
def start(*_):
    threading.Thread(target=threading.Event().wait, name="latecomer", daemon=True).start()
    print("thread started")
signal.signal(signal.SIGALRM, start)
"""

NEW_APP = APP.replace('"one"', '"number two"')
"""Not of the same length: compiled code counts as fresh when size and second are the same."""

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(workdir: Path) -> MakePlan:
    """Writes an app and makes the plan for it."""

    def make(source: str = APP, name: str = "", **others: object) -> Plan:
        path = workdir / "my_app.py"
        path.write_text(source)
        plan = Plan(directory=workdir, app=AppRef(target=str(path), name=name))
        return structs.replace(plan, **others)

    return make


def pids_of(parts: Supervised, what: str) -> list[int]:
    """The pids of the lines that say what was done where."""
    return [int(line.split()[2]) for line in parts.sink.texts() if line.startswith(what)]


async def job_says(parts: Supervised) -> str:
    """Run a job and return what it printed."""
    said = len(parts.sink.lines)
    job = await parts.start_job()
    await parts.gone(job.child)
    return next(line for line in parts.sink.texts()[said:] if line.startswith("job on"))


# -- importing and forking ---------------------------------------------------------


async def test_the_app_is_imported_once_and_prewarmed_in_each_child(
    plan_of: MakePlan, changes: Changes
) -> None:
    """Import and preload in the template, prewarm in each child after the fork."""
    plan = with_pool(plan_of(), num_idle_processes=3)
    async with supervised(plan, changes) as parts:
        children = await parts.idle(3)
        template = parts.keeper.view().pid
        await changes.until(lambda: len(pids_of(parts, "prewarmed")) == 3)

        assert pids_of(parts, "imported in") == pids_of(parts, "preloaded in") == [template]
        assert sorted(pids_of(parts, "prewarmed in")) == sorted(c.pid or 0 for c in children)
        assert len({child.pid for child in children} | {template}) == 4
        assert parts.pool.view().start_method == "fork"


async def test_what_a_template_prints_is_marked_as_its_own(
    plan_of: MakePlan, changes: Changes
) -> None:
    """As a child's lines are, and with the process that they come from."""
    async with supervised(plan_of(), changes) as parts:
        await parts.idle()
        template = parts.keeper.view().pid

        (whose,) = [whose for text, whose in parts.sink.lines if text.startswith("imported in")]

    assert whose == {"child": "template", "pid": template}


async def test_children_are_ours_and_not_the_template_s(
    plan_of: MakePlan, changes: Changes
) -> None:
    """They outlive it, and their exit status comes to us."""
    async with supervised(plan_of(), changes) as parts:
        (child,) = await parts.idle()
        stat = Path(f"/proc/{child.pid}/stat").read_text()

        assert int(stat.rpartition(")")[2].split()[1]) == os.getpid()


async def test_an_app_with_threads_is_spawned_and_the_thread_named(
    plan_of: MakePlan, changes: Changes
) -> None:
    """A fork would copy locks that nobody will ever release."""
    async with supervised(plan_of(WITH_THREAD + APP), changes) as parts:
        says = await job_says(parts)

        assert parts.pool.view().start_method == "spawn"
    assert says == "job on one"
    assert "meddler" in changes.reasons("spawn_fallback")[0]


async def test_a_thread_that_appears_later_makes_the_pool_spawn(
    plan_of: MakePlan, changes: Changes
) -> None:
    """The template refuses to fork from then on, and offers are served all the same."""
    async with supervised(plan_of(WITH_THREAD_ON_SIGNAL + APP), changes) as parts:
        (child,) = await parts.idle()
        os.kill(parts.keeper.view().pid or 0, signal.SIGALRM)
        await changes.until(lambda: "thread started" in parts.sink.texts())
        child.kill("make room for another")

        await changes.until(lambda: parts.pool.view().start_method == "spawn")
        says = await job_says(parts)

    assert says == "job on one"
    assert "latecomer" in changes.reasons("spawn_fallback")[0]


async def test_spawning_can_be_asked_for(plan_of: MakePlan, changes: Changes) -> None:
    """Then each child imports the app itself."""
    async with supervised(plan_of(start_method="spawn"), changes) as parts:
        (child,) = await parts.idle()

        assert child.pid in pids_of(parts, "imported in")
        assert parts.pool.view().start_method == "spawn"


async def test_forking_that_was_asked_for_and_can_not_be_is_an_error(
    plan_of: MakePlan, changes: Changes
) -> None:
    """It names the setting, the thread and the remedy."""
    with pytest.raises(TemplateError, match="start_method is 'fork', but .*meddler.*'auto'"):
        async with supervised(plan_of(WITH_THREAD + APP, start_method="fork"), changes):
            pass


# -- how an app is named -------------------------------------------------------------

RUN_AS_SCRIPT = """\
from agentd import AgentServer, cli

if __name__ == "__main__":
    server = AgentServer()

    @server.rtc_session()
    async def entry(ctx):
        print("job on a script")
        ctx.shutdown()

    cli.run_app(server)
"""


async def test_a_script_that_ends_in_run_app_is_an_app(plan_of: MakePlan, changes: Changes) -> None:
    """Which `python script.py dev` hands over to be run as `__main__`."""
    plan = plan_of(RUN_AS_SCRIPT)
    assert plan.app is not None
    plan = structs.replace(plan, app=structs.replace(plan.app, as_main=True))
    async with supervised(plan, changes) as parts:
        assert await job_says(parts) == "job on a script"


# -- apps that can't be had ------------------------------------------------------------


async def failure_of(plan: Plan, changes: Changes) -> AgentdError:
    """What starting this app raises."""
    with pytest.raises(AgentdError) as caught:
        async with supervised(plan, changes):
            pass
    return caught.value


async def test_an_app_that_can_not_be_imported_is_told_with_its_own_line(
    plan_of: MakePlan, changes: Changes
) -> None:
    """The user's line is shown and no frame of ours."""
    raised = await failure_of(plan_of("x = 1\ny = 1 / 0\n"), changes)

    assert isinstance(raised, AppImportFailed)
    assert "ZeroDivisionError" in str(raised)
    assert "y = 1 / 0" in raised.traceback
    assert "agentd/" not in raised.traceback


async def test_an_import_that_ends_the_process_is_told(plan_of: MakePlan, changes: Changes) -> None:
    """How it ended is all that can be known."""
    raised = await failure_of(plan_of("import os\nos._exit(7)\n"), changes)

    assert isinstance(raised, TemplateError)
    assert str(raised) == "the process exited with code 7 while it imported the app"


async def test_an_app_that_is_not_there_is_told(plan_of: MakePlan, changes: Changes) -> None:
    """A file may vanish between the command line and the import."""
    plan = structs.replace(plan_of(), app=AppRef(target="/nowhere/app.py"))

    assert isinstance(await failure_of(plan, changes), AppNotFound)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nthreading.Event().wait()\n",
        APP.replace('print("preloaded in", os.getpid())', "import signal; signal.pause()"),
    ],
    ids=["import", "preload"],
)
async def test_an_import_that_hangs_is_given_up_in_time(
    plan_of: MakePlan, changes: Changes, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the process is gone."""
    monkeypatch.setattr(templates, "STOP_TIMEOUT", 0.1)
    raised = await failure_of(plan_of(source, template_timeout=1.5), changes)

    assert "not imported within 1.5 s; raise template_timeout" in str(raised)


# -- dying and reloading ---------------------------------------------------------------


async def test_a_template_that_is_killed_comes_back_and_costs_no_job(
    plan_of: MakePlan, changes: Changes
) -> None:
    """Children can be forked again, by the new one."""
    async with supervised(plan_of(), changes) as parts:
        job = await parts.start_job("stay")
        await job.running()
        first = parts.keeper.view()
        assert first.pid is not None

        os.kill(first.pid, signal.SIGKILL)

        await changes.until(lambda: parts.keeper.view().generation == 2)
        says = await job_says(parts)
        second = parts.keeper.view()
        assert (says, job.child.state, job.outcomes) == ("job on one", "running", [])
        assert (second.alive, second.last_error) == (True, "")
        assert second.pid != first.pid
    assert "was ended by SIGKILL" in changes.reasons("template_died")[0]


async def test_a_template_that_is_stopped_is_replaced_at_its_next_fork(
    plan_of: MakePlan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would owe the pool its children for ever."""
    monkeypatch.setattr(templates, "FORK_TIMEOUT", 0.3)
    async with supervised(plan_of(), changes) as parts:
        (child,) = await parts.idle()
        first = parts.keeper.view()
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)

        child.shutdown("make room")

        await changes.until(lambda: parts.keeper.view().generation == 2)
        assert await job_says(parts) == "job on one"


async def test_a_reload_to_good_code_serves_the_next_job_with_it(
    plan_of: MakePlan, changes: Changes
) -> None:
    """Warm children of the old code go; a running job ends on the code it began with."""
    plan = plan_of()
    async with supervised(plan, changes) as parts:
        job = await parts.start_job("stay")
        await job.running()
        (old,) = await parts.idle()
        plan_of(NEW_APP)

        parts.keeper.reload()

        await parts.gone(old)
        says = await job_says(parts)
        assert (says, job.child.state) == ("job on number two", "running")
    assert changes.actions("template_died") == []


async def test_a_reload_to_broken_code_leaves_the_old_code_serving(
    plan_of: MakePlan, changes: Changes
) -> None:
    """The user's line is in the log; the next good save is taken."""
    plan = plan_of()
    async with supervised(plan, changes) as parts:
        await parts.idle()
        plan_of("y = 1 / 0\n")

        parts.keeper.reload()

        await changes.until(lambda: changes.actions("reload_failed"))
        on_old = await job_says(parts)
        shown = "".join(str(record.__dict__) for record in changes.actions("reload_failed"))
        plan_of(NEW_APP)
        parts.keeper.reload()
        await changes.until(lambda: changes.actions("reloaded"))
        on_new = await job_says(parts)

    assert (on_old, on_new) == ("job on one", "job on number two")
    assert "y = 1 / 0" in shown


async def test_a_reload_for_running_jobs_too_says_so_when_its_code_is_in_service(
    plan_of: MakePlan, changes: Changes
) -> None:
    """Once; not for a plain reload, and not for code that can't be imported."""
    plan = plan_of()
    told: list[int] = []
    async with supervised(plan, changes) as parts:
        parts.keeper.on_swap = lambda: told.append(parts.keeper.view().generation)
        await parts.idle()
        parts.keeper.reload()
        await changes.until(lambda: changes.actions("reloaded"))
        plan_of("y = 1 / 0\n")
        parts.keeper.reload(swap=True)
        await changes.until(lambda: changes.actions("reload_failed"))
        plan_of(NEW_APP)

        parts.keeper.reload(swap=True)

        await changes.until(lambda: len(changes.actions("reloaded")) == 2)
        parts.keeper.reload()
        await changes.until(lambda: len(changes.actions("reloaded")) == 3)

    assert told == [3]


async def test_a_wish_for_running_jobs_outlives_a_template_that_is_dead(
    plan_of: MakePlan, changes: Changes
) -> None:
    """It is the next one's code that they go on with."""
    plan = plan_of()
    told: list[int] = []
    async with supervised(plan, changes) as parts:
        parts.keeper.on_swap = lambda: told.append(parts.keeper.view().generation)
        await parts.idle()
        parts.keeper.kill()
        parts.keeper.reload(swap=True)

        await changes.until(lambda: told)

    assert told == [2]


async def test_a_template_that_dies_with_broken_code_is_tried_until_it_is_mended(
    plan_of: MakePlan, changes: Changes
) -> None:
    """Health says what is wrong meanwhile."""
    plan = plan_of()
    async with supervised(plan, changes) as parts:
        await parts.idle()
        plan_of("y = 1 / 0\n")
        parts.keeper.kill()
        await changes.until(lambda: changes.actions("app_failed"))
        broken = parts.keeper.view().last_error

        plan_of()

        await changes.until(lambda: parts.keeper.view().generation == 2)
        says = await job_says(parts)

    assert "ZeroDivisionError" in broken
    assert says == "job on one"


async def test_a_frozen_template_does_not_hold_up_the_end(
    plan_of: MakePlan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed after a moment, whatever state it is in."""
    monkeypatch.setattr(templates, "STOP_TIMEOUT", 0.1)
    async with supervised(plan_of(), changes) as parts:
        await parts.idle()
        pid = parts.keeper.view().pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    assert not Path(f"/proc/{pid}").exists()


async def test_a_template_that_not_even_a_kill_ends_is_given_up_and_told(
    workdir: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel can hold a process up for ever; the daemon's end must not wait as long."""
    monkeypatch.setattr(templates, "STOP_TIMEOUT", 0.05)
    monkeypatch.setattr(processes, "KILL_TIMEOUT", 0.05)
    template = Template(a_template_spec(workdir), Reaper(), Sink(changes))
    template.spawn()
    assert template.pid is not None
    os.kill(template.pid, signal.SIGSTOP)

    with monkeypatch.context() as held_up:
        held_up.setattr(OsProcess, "signal", lambda _process, _number: None)
        async with asyncio.timeout(DEADLINE):
            await template.stop()

    alive = template.alive
    template.kill()
    assert "SIGKILL" in await template.wait()
    assert alive
    (told,) = changes.actions("reap_failed")
    assert (told.__dict__["offender"], told.__dict__["offender_pid"]) == ("template", template.pid)


def a_template_spec(directory: Path) -> TemplateSpec:
    """Of a template that is only spawned."""
    return TemplateSpec(
        app=AppRef(target="no_app"),
        socket=str(directory / "s"),
        environment=child_environment(Settings()),
        timeout=DEADLINE,
    )
