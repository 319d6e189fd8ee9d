"""A whole examination, from the wishes of whoever asked for it to a report."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from msgspec import Struct, structs

from agentd.aio.timing import now

from .check import Check
from .examining import WHOLE_TIMEOUT, Limits, Told, examine, mend
from .finding import Finding, Report, skipped, verdict_of
from .patient import Patient


class Wishes(Struct, frozen=True, kw_only=True):
    """How it is to go on."""

    offline: bool = False
    no_cost: bool = False
    fix: bool = False
    timeout: float = WHOLE_TIMEOUT
    """Seconds for looking; mending comes after it."""


async def run_course(
    patient: Patient, checks: Sequence[Check], wishes: Wishes, told: Told
) -> Report:
    """Look, mend if that is wished for, and report."""
    began_at = now()
    limits = Limits(wishes.timeout)
    async with patient:
        wished = [_as_wished(check, wishes) for check in checks]
        reports = await examine(patient, wished, told, limits)
        if wishes.fix:
            reports = await mend(patient, wished, reports, limits)
    return Report(
        verdict=verdict_of(reports),
        seconds=round(now() - began_at, 2),
        version=metadata.version("agentd"),
        checks=tuple(reports),
    )


def _as_wished(check: Check, wishes: Wishes) -> Check:
    if wishes.offline and check.network:
        return _not_run(check, "--offline")
    if wishes.no_cost and check.costs:
        return _not_run(check, "--no-cost")
    return check


def _not_run(check: Check, flag: str) -> Check:
    async def skip(_: Patient) -> Finding:
        return skipped(f"not looked at: {flag}")

    return structs.replace(check, run=skip, fix=None)
