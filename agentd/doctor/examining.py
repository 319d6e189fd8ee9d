"""Runs checks side by side, each within its deadline and all within one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import structs

from agentd.aio.timing import now
from agentd.errors import AgentdError

from .check import Check
from .finding import CheckReport, Finding, Unexaminable, failure, shown, skipped
from .patient import Patient

WHOLE_TIMEOUT = 8.5
"""Seconds for an examination, unless more are given."""

BLOCKED_REMEDY = "run it alone with more time: agentd doctor --only {id} --timeout 60"

Told = Callable[[CheckReport], None]


class Limits:
    """How long things may take: the deadlines of checks, drawn out where more time is given."""

    def __init__(self, whole: float = WHOLE_TIMEOUT) -> None:
        self.whole = whole
        self._factor = max(1.0, whole / WHOLE_TIMEOUT)

    def of(self, check: Check) -> float:
        """Seconds for one check."""
        return min(self.whole, check.deadline * self._factor)


async def examine(
    patient: Patient, checks: Sequence[Check], told: Told, limits: Limits | None = None
) -> list[CheckReport]:
    """Run checks at the same time; `told` hears of each as it ends. In the order of the table."""
    limits = limits or Limits()
    end_at = now() + limits.whole
    reports: dict[str, CheckReport] = {}

    async def one(check: Check) -> None:
        report = await run_check(patient, check, min(now() + limits.of(check), end_at))
        reports[check.id] = report
        told(report)

    async with asyncio.TaskGroup() as group:
        for check in checks:
            group.create_task(one(check), name=check.id)
    return [reports[check.id] for check in checks]


async def mend(
    patient: Patient, checks: Sequence[Check], reports: Sequence[CheckReport], limits: Limits
) -> list[CheckReport]:
    """Do what is safe about what was found, one after the other, and look again.

    Also where one had nothing to do: another before it may have done it.
    """
    after: list[CheckReport] = []
    for check, report in zip(checks, reports, strict=True):
        if check.fix is None or report.verdict not in ("warning", "failure"):
            after.append(report)
            continue
        try:
            done = await check.fix(patient)
        except (AgentdError, OSError) as error:
            done = f"could not be mended: {_text(error)}"
        again = await run_check(patient, check, now() + limits.of(check))
        after.append(structs.replace(again, fixed=shown(done)))
    return after


async def run_check(patient: Patient, check: Check, deadline_at: float) -> CheckReport:
    """One check, by its deadline; whatever happens in it becomes a report."""
    began_at = now()
    scope = asyncio.timeout_at(deadline_at)
    try:
        async with scope:
            finding = await check.run(patient)
    except TimeoutError as error:
        if scope.expired():
            finding = _too_slow(check, now() - began_at)
        else:
            finding = failure(
                f"a wait timed out: {_text(error)}", BLOCKED_REMEDY.format(id=check.id)
            )
    except Unexaminable as error:
        finding = skipped(str(error))
    except (AgentdError, OSError) as error:
        finding = failure(_text(error), "the evidence says what to mend")
    except Exception as error:  # noqa: BLE001 - a fault of one check of ours must not hide what the others say
        finding = failure(
            f"the check itself failed: {type(error).__name__}: {error}",
            f"please report this; meanwhile: agentd doctor --skip {check.id}",
        )
    return CheckReport(
        id=check.id,
        group=check.group,
        looks_at=check.looks_at,
        verdict=finding.verdict,
        evidence=shown(finding.evidence),
        remedy=shown(finding.remedy),
        seconds=round(now() - began_at, 3),
    )


def _too_slow(check: Check, seconds: float) -> Finding:
    return failure(f"no result within {seconds:.1f} s", BLOCKED_REMEDY.format(id=check.id))


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
