"""What somebody is to be called for, as data. docs/operations.md says for each what to do."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

JOB = "agentd"
"""The name of the scrape job, as the rules and `scrape_job` have it."""


class Alert(Struct, frozen=True, kw_only=True):
    """One rule."""

    name: str
    expression: str
    lasting: str
    """How long it must be so, as Prometheus writes it."""
    severity: Literal["critical", "warning"]
    summary: str
    text: str

    @property
    def anchor(self) -> str:
        """Of its heading in docs/operations.md."""
        return self.name.lower()


def _quantile(quantile: float, name: str, selection: str = "") -> str:
    return (
        f"histogram_quantile({quantile:g}, "
        f"sum by (le, job, instance) (rate({name}_bucket{selection}[10m])))"
    )


ALERTS: tuple[Alert, ...] = (
    Alert(
        name="AgentdDown",
        expression=f'up{{job="{JOB}"}} == 0',
        lasting="1m",
        severity="critical",
        summary="agentd on {{ $labels.instance }} does not answer",
        text="Nobody takes jobs there. Calls that ran go on for reconnect_grace without it.",
    ),
    Alert(
        name="AgentdNotReady",
        expression="agentd_ready == 0 unless agentd_draining == 1",
        lasting="5m",
        severity="critical",
        summary="agentd on {{ $labels.instance }} takes no jobs",
        text="/readyz on that host lists the reasons.",
    ),
    Alert(
        name="AgentdLinkDown",
        expression="agentd_link_up == 0 unless agentd_draining == 1",
        lasting="2m",
        severity="critical",
        summary="agentd on {{ $labels.instance }} is not registered with LiveKit",
        text="Calls that run go on, new ones do not come to this host.",
    ),
    Alert(
        name="AgentdCrashLoop",
        expression="agentd_crash_loop == 1",
        lasting="1m",
        severity="critical",
        summary="No child of agentd on {{ $labels.instance }} becomes warm",
        text="The app fails while it is imported, or children die before they are ready.",
    ),
    Alert(
        name="AgentdPartDown",
        expression="agentd_part_up == 0",
        lasting="2m",
        severity="warning",
        summary="{{ $labels.part }} of agentd on {{ $labels.instance }} does not run",
        text="It is tried again with growing pauses; `agentd status --tree` has its last error.",
    ),
    Alert(
        name="AgentdCallsLost",
        expression=(
            "sum by (job, instance) "
            '(increase(agentd_resumes_total{outcome=~"failed|refused"}[15m])) > 0'
        ),
        lasting="0m",
        severity="critical",
        summary="Calls of agentd on {{ $labels.instance }} could not go on after a crash",
        text="Their callers were told so and left alone.",
    ),
    Alert(
        name="AgentdResumesHigh",
        expression=(
            'sum by (job, instance) (increase(agentd_resumes_total{reason="crash"}[15m])) > 5'
        ),
        lasting="0m",
        severity="warning",
        summary="Children of agentd on {{ $labels.instance }} die under their calls",
        text="More than 5 in 15 minutes. Each costs its caller a second or so of silence.",
    ),
    Alert(
        name="AgentdDeadAir",
        expression=(
            "sum by (job, instance) (rate(agentd_dead_air_total[15m])) > 0.05 * "
            "sum by (job, instance) (rate(agentd_turns_total[15m]))"
        ),
        lasting="10m",
        severity="warning",
        summary="Agents on {{ $labels.instance }} leave their callers in silence",
        text="There was dead air in more than one turn out of twenty.",
    ),
    Alert(
        name="AgentdTurnsSlow",
        expression=_quantile(0.95, "agentd_turn_latency_seconds", '{stage="e2e"}') + " > 3",
        lasting="15m",
        severity="warning",
        summary="Agents on {{ $labels.instance }} answer slowly",
        text="One turn in twenty waits for more than 3 s. The other stages say what for.",
    ),
    Alert(
        name="AgentdCircuitOpen",
        expression='agentd_circuit_state{state="open"} == 1',
        lasting="2m",
        severity="warning",
        summary="{{ $labels.circuit }} fails for agentd on {{ $labels.instance }}",
        text="It is left alone, and tried by one call at a time.",
    ),
    Alert(
        name="AgentdJournalFailing",
        expression=(
            "agentd_journal_on_disk == 0 or increase(agentd_journal_dropped_total[10m]) > 0"
        ),
        lasting="1m",
        severity="critical",
        summary="The journal of agentd on {{ $labels.instance }} can't be written",
        text="Calls go on, but would not survive a restart of the daemon or of the machine.",
    ),
    Alert(
        name="AgentdLoopLag",
        expression=(
            _quantile(0.99, "agentd_loop_lag_seconds")
            + " > 0.25 or sum by (job, instance) (increase(agentd_loop_blocked_total[10m])) > 0"
        ),
        lasting="5m",
        severity="warning",
        summary="The event loop of agentd on {{ $labels.instance }} is held up",
        text="Offers and ends of jobs wait meanwhile; the machine is starved, or there is a fault.",
    ),
    Alert(
        name="AgentdSlotsNearlyFull",
        expression="agentd_slots_used / agentd_slots > 0.9",
        lasting="10m",
        severity="warning",
        summary="agentd on {{ $labels.instance }} has nearly all slots taken",
        text="LiveKit gives jobs to others from 70 % on; where all are full, callers wait in vain.",
    ),
    Alert(
        name="AgentdOffersDeclined",
        expression=(
            "sum by (job, instance, reason) "
            '(increase(agentd_offers_declined_total{reason!~"draining|declined"}[10m])) > 0'
        ),
        lasting="5m",
        severity="warning",
        summary="agentd on {{ $labels.instance }} declines jobs ({{ $labels.reason }})",
        text="Another worker may have taken them; without one their callers sit in silence.",
    ),
    Alert(
        name="AgentdDispatchSlow",
        expression=_quantile(0.95, "agentd_dispatch_seconds", '{step="total"}') + " > 2",
        lasting="10m",
        severity="warning",
        summary="Jobs of agentd on {{ $labels.instance }} start late",
        text="One in twenty needs more than 2 s from its offer to its entrypoint.",
    ),
)
