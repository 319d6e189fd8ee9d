"""From settings to what children are told."""

from __future__ import annotations

from agentd.daemon.configure import EXIT_MARGIN, child_config, child_spec
from agentd.job.ending import CANCEL_GRACE
from agentd.job.run import REPORT_TIMEOUT
from agentd.settings.model import JobSettings, LiveKitSettings, PoolSettings, Settings

SETTINGS = Settings(
    livekit=LiveKitSettings(url="ws://there", api_key="key", api_secret="secret"),
    pool=PoolSettings(initialize_process_timeout=3.0, shutdown_process_timeout=4.0),
    jobs=JobSettings(
        entrypoint_timeout=1.0,
        session_close_timeout=2.0,
        session_end_timeout=3.0,
        disconnect_timeout=4.0,
        callback_timeout=5.0,
    ),
)


def test_children_are_told_where_livekit_is() -> None:
    """And the budgets of a job's end."""
    config = child_config(SETTINGS)

    assert (config.livekit_url, config.api_key, config.api_secret) == (
        "ws://there",
        "key",
        "secret",
    )
    assert (config.entrypoint_timeout, config.callback_timeout) == (1.0, 5.0)


def test_a_job_has_the_sum_of_its_budgets_before_it_is_killed() -> None:
    """So that no budget of the user's is cut short by the supervisor's own, whatever overruns."""
    spec = child_spec(SETTINGS)
    steps = [1.0, 2.0, 3.0, REPORT_TIMEOUT, 4.0, CANCEL_GRACE, 5.0, 5.0]

    assert spec.job_shutdown_timeout > sum(steps) + CANCEL_GRACE * len(steps)
    assert spec.job_shutdown_timeout == 1.0 + 2.0 + 3.0 + 4.0 + 5.0 + 5.0 + EXIT_MARGIN
    assert (spec.initialize_timeout, spec.exit_timeout) == (3.0, 4.0)
