"""From settings to what each part is told. Pure."""

from __future__ import annotations

from agentd.protocol.frames import ChildConfig
from agentd.settings.model import Settings
from agentd.supervisor.child import ChildSpec
from agentd.supervisor.heartbeat import Patience
from agentd.supervisor.memory import MemoryLimits

EXIT_MARGIN = 15.0
"""Seconds on top of the phases of a shutdown that have a setting: a second each to tell the
outcome, for the participants' entrypoints, and for each of eight steps to heed its cancelling;
the rest for a busy machine."""


END_MARGIN = 20.0
"""Seconds for the daemon's own end, after its last child's: the link, the journal, the tree."""


def longest_stop(settings: Settings) -> float:
    """Seconds from a SIGTERM to the daemon's end at the latest.

    Whoever stops it must be as patient: systemd's TimeoutStopSec, a pod's grace period.
    """
    spec = child_spec(settings)
    drain = settings.jobs.drain_timeout
    return drain + spec.job_shutdown_timeout + spec.exit_timeout + END_MARGIN


def child_config(settings: Settings) -> ChildConfig:
    """What children are told."""
    livekit, jobs = settings.livekit, settings.jobs
    return ChildConfig(
        log_level=settings.log.log_level,
        livekit_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret,
        http_proxy=livekit.http_proxy,
        entrypoint_timeout=jobs.entrypoint_timeout,
        session_close_timeout=jobs.session_close_timeout,
        session_end_timeout=jobs.session_end_timeout,
        callback_timeout=jobs.callback_timeout,
        disconnect_timeout=jobs.disconnect_timeout,
        reconnect_grace=jobs.reconnect_grace,
    )


def child_spec(settings: Settings) -> ChildSpec:
    """How children are started, watched and stopped."""
    jobs, pool = settings.jobs, settings.pool
    phases = (
        jobs.entrypoint_timeout,
        jobs.session_close_timeout,
        jobs.session_end_timeout,
        jobs.disconnect_timeout,
        jobs.callback_timeout,
        jobs.callback_timeout,  # server calls that are still under way, after the callbacks
    )
    return ChildSpec(
        config=child_config(settings),
        initialize_timeout=pool.initialize_process_timeout,
        exit_timeout=pool.shutdown_process_timeout,
        job_shutdown_timeout=sum(phases) + EXIT_MARGIN,
        patience=Patience(warn_after=jobs.blocked_warning, replace_after=jobs.heartbeat_timeout),
        memory=MemoryLimits(warn_mb=jobs.job_memory_warn_mb, limit_mb=jobs.job_memory_limit_mb),
    )
