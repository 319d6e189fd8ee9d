"""How checks are run: side by side, each by its deadline, none able to hide the others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agentd.aio.timing import now
from agentd.doctor.catalogue import CHECKS, choose
from agentd.doctor.check import Check
from agentd.doctor.course import Wishes, run_course
from agentd.doctor.finding import Finding, Report, Unexaminable, failure, ok, warning
from agentd.doctor.patient import Patient, import_seconds
from agentd.doctor.threads import in_thread
from agentd.errors import AgentdError
from agentd.masking import remember


def nobody() -> Patient:
    return Patient(layers=(), environ={})


async def well(_: Patient) -> Finding:
    return ok("well")


async def hangs(_: Patient) -> Finding:
    await asyncio.Event().wait()
    return ok("never")


async def hangs_in_a_thread(_: Patient) -> Finding:
    await in_thread(threading.Event().wait)
    return ok("never")


async def breaks(_: Patient) -> Finding:
    raise ZeroDivisionError("a fault of ours")


async def refuses(_: Patient) -> Finding:
    raise AgentdError("it said no")


async def has_nothing(_: Patient) -> Finding:
    raise Unexaminable("nothing there")


async def tells_a_secret(_: Patient) -> Finding:
    return failure("the key hunter2-hunter2 was refused", "curl -H hunter2-hunter2")


def check(id_: str, run: object, **fields: object) -> Check:
    return Check(id=id_, group="python", looks_at="x", run=run, **fields)  # type: ignore[arg-type]


async def course(*checks: Check, **wishes: object) -> Report:
    return await run_course(nobody(), checks, Wishes(**wishes), lambda _: None)  # type: ignore[arg-type]


async def test_checks_run_side_by_side_and_a_hanging_one_ends_at_its_deadline() -> None:
    """Also one that hangs in a call that blocks; what waits is told as a failure, with figures."""
    began_at = now()

    report = await course(
        *(check(f"hangs-{number}", hangs, deadline=0.3) for number in range(5)),
        check("thread", hangs_in_a_thread, deadline=0.3),
        check("well", well),
    )

    verdicts = [each.verdict for each in report.checks]
    assert verdicts == ["failure"] * 6 + ["ok"]
    assert "no result within 0.3 s" in report.checks[0].evidence
    assert "agentd doctor --only hangs-0" in report.checks[0].remedy
    assert now() - began_at < 1.5


async def test_the_whole_is_bounded_whatever_the_deadlines_are() -> None:
    """A check's own deadline does not go past that of all."""
    report = await course(check("hangs", hangs, deadline=500.0), timeout=0.5)

    assert report.verdict == "failure"
    assert report.seconds < 2.0


async def test_more_time_draws_out_each_deadline() -> None:
    """For an app that takes a minute to import."""

    async def slow(_: Patient) -> Finding:
        await asyncio.sleep(0.2)
        return ok("came")

    report = await course(check("slow", slow, deadline=0.1), timeout=95.0)

    assert report.verdict == "ok"


async def test_whatever_a_check_does_becomes_a_report() -> None:
    """A fault of one is told as such, and the others are heard."""
    report = await course(
        check("breaks", breaks), check("refuses", refuses), check("nothing", has_nothing),
        check("well", well),
    )  # fmt: skip

    told = {each.id: (each.verdict, each.evidence) for each in report.checks}
    assert told == {
        "breaks": (
            "failure",
            "the check itself failed: ZeroDivisionError: a fault of ours",
        ),
        "refuses": ("failure", "it said no"),
        "nothing": ("skipped", "nothing there"),
        "well": ("ok", "well"),
    }


async def test_a_secret_is_masked_in_evidence_and_remedy() -> None:
    """Whatever a check lets through."""
    remember("hunter2-hunter2")

    report = await course(check("tells", tells_a_secret))

    assert "hunter2" not in report.checks[0].evidence + report.checks[0].remedy


async def test_what_is_mended_is_looked_at_again() -> None:
    """The second verdict counts, and the report says what was done; the healthy are left alone."""
    mended: list[str] = []

    async def looks(_: Patient) -> Finding:
        return ok("mended") if mended else warning("broken", "mend it")

    async def mend(_: Patient) -> str:
        mended.append("once")
        return "mended it"

    async def never(_: Patient) -> str:
        raise AssertionError("it was well")

    async def in_vain(_: Patient) -> str:
        raise OSError("read-only disk")

    report = await course(
        check("broken", looks, fix=mend), check("well", well, fix=never),
        check("refuses", refuses, fix=in_vain), fix=True,
    )  # fmt: skip

    assert [(each.verdict, each.fixed) for each in report.checks] == [
        ("ok", "mended it"),
        ("ok", ""),
        ("failure", "could not be mended: read-only disk"),
    ]


async def test_offline_and_no_cost_leave_out_what_they_say() -> None:
    """And nothing else."""
    checks = (check("net", breaks, network=True), check("dear", breaks, costs=True))

    offline = await course(*checks, offline=True)
    free = await course(*checks, no_cost=True)

    assert [each.verdict for each in offline.checks] == ["skipped", "failure"]
    assert [each.verdict for each in free.checks] == ["failure", "skipped"]
    assert "--offline" in offline.checks[0].evidence


def test_the_table_has_what_it_promises() -> None:
    """At least 25 checks, each by a name of its own that a script can rely on."""
    ids = [each.id for each in CHECKS]

    assert len(ids) >= 25
    assert len(set(ids)) == len(ids)
    assert all(each == each.lower() and " " not in each and "_" not in each for each in ids)
    assert all(each.looks_at for each in CHECKS)


def test_checks_are_chosen_by_name() -> None:
    """A wrong name is told with the likely one."""
    assert [each.id for each in choose(["tls", "clock", "tls"], ["clock"])] == ["tls"]
    with pytest.raises(KeyError, match="did you mean 'media-udp'"):
        choose(["media-upd"])


def test_import_times_are_added_up_by_package() -> None:
    """Python writes them in microseconds, modules of agentd's own start before the mark."""
    text = (
        "import time:      9000 |       9000 | agentd\n"
        "agentd doctor: the import begins\n"
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1000 |       1000 |   torch.nn\n"
        "what the app prints\n"
        "import time:   2000000 |    2001000 | torch\n"
        "import time:      5000 |       5000 | crm\n"
    )

    assert import_seconds(text) == pytest.approx({"torch": 2.001, "crm": 0.005})
