"""What is reported to LiveKit for which slots."""

from __future__ import annotations

import pytest

from agentd.dispatch.load import TARGET_LOAD, WorkerReport, decide_report


def test_an_empty_worker_has_no_load() -> None:
    """Nothing in use is load 0."""
    report = decide_report(0, 4, draining=False)

    assert report == WorkerReport(load=0.0, full=False, job_count=0, draining=False)


@pytest.mark.parametrize("max_jobs", [1, 2, 16, 1000])
def test_the_load_stays_below_the_target_while_a_slot_is_free(max_jobs: int) -> None:
    """LiveKit stops offering at 0.7, so the last free slot is still below it."""
    report = decide_report(max_jobs - 1, max_jobs, draining=False)

    assert report.load < TARGET_LOAD
    assert not report.full


@pytest.mark.parametrize("used", [4, 5])
def test_all_slots_in_use_is_full(used: int) -> None:
    """Without a free slot nothing should be offered."""
    report = decide_report(used, 4, draining=False)

    assert report == WorkerReport(load=1.0, full=True, job_count=used)


def test_a_draining_worker_is_full_though_slots_are_free() -> None:
    """Draining closes the door at once."""
    report = decide_report(1, 4, draining=True)

    assert report == WorkerReport(load=1.0, full=True, job_count=1, draining=True)


def test_promised_slots_count_as_load_but_not_as_jobs() -> None:
    """A slot that is promised to an offer is not a job yet."""
    report = decide_report(3, 4, draining=False, job_count=1)

    assert report.job_count == 1
    assert report.load == pytest.approx(0.69 * 3 / 4)
