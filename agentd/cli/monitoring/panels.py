"""The panels of the dashboard, as data.

In an expression `$S` stands for the selection of job and instance, `$R` for the range of a rate.
"""

from __future__ import annotations

from msgspec import Struct

SELECTION = 'job=~"$job",instance=~"$instance"'
RANGE = "$__rate_interval"


class Query(Struct, frozen=True):
    """One expression and what its lines are called."""

    expression: str
    legend: str = ""


class Panel(Struct, frozen=True, kw_only=True):
    """One graph, or one figure (`stat`)."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    stat: bool = False
    text: str = ""


def quantiles(name: str, *labels: str, which: tuple[float, ...] = (0.5, 0.95)) -> tuple[Query, ...]:
    """Of a histogram, by these labels."""
    by = ",".join(("le", *labels))
    shown = " ".join(f"{{{{{label}}}}}" for label in labels)
    return tuple(
        Query(
            f"histogram_quantile({q:g}, sum by ({by}) (rate({name}_bucket{{$S}}[$R])))",
            f"{shown} p{q * 100:g}".strip(),
        )
        for q in which
    )


def rates(name: str, *labels: str) -> tuple[Query, ...]:
    """Of a counter, a second, by these labels."""
    shown = " ".join(f"{{{{{label}}}}}" for label in labels)
    return (Query(f"sum by ({','.join(labels)}) (rate({name}{{$S}}[$R]))", shown),)


def increases(name: str, *labels: str) -> tuple[Query, ...]:
    """Of a counter, in each step, by these labels: for what is rare."""
    shown = " ".join(f"{{{{{label}}}}}" for label in labels)
    return (Query(f"sum by ({','.join(labels)}) (increase({name}{{$S}}[$R]))", shown),)


ROWS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel(
            title="Ready",
            stat=True,
            queries=(Query("min(agentd_ready{$S})"),),
            text="0: some daemon takes no job. /readyz says why.",
        ),
        Panel(title="Calls", stat=True, queries=(Query('sum(agentd_jobs{$S,state="running"})'),)),
        Panel(
            title="Slots used",
            stat=True,
            unit="percentunit",
            queries=(Query("sum(agentd_slots_used{$S}) / sum(agentd_slots{$S})"),),
        ),
        Panel(title="Registered", stat=True, queries=(Query("min(agentd_link_up{$S})"),)),
        Panel(title="Crash loops", stat=True, queries=(Query("sum(agentd_crash_loop{$S})"),)),
        Panel(
            title="Services that are out",
            stat=True,
            queries=(Query('sum(agentd_circuit_state{$S,state="open"})'),),
        ),
    ),
    "Jobs": (
        Panel(
            title="Jobs by state",
            queries=(Query("sum by (state) (agentd_jobs{$S})", "{{state}}"),),
        ),
        Panel(
            title="Slots",
            queries=(
                Query("sum(agentd_slots{$S})", "all"),
                Query("sum(agentd_slots_used{$S})", "used"),
                Query("sum(agentd_slots_free{$S})", "free"),
                Query("sum(agentd_jobs_waiting{$S})", "wait for a child"),
            ),
        ),
        Panel(title="Jobs that ended", queries=increases("agentd_jobs_ended_total", "ending")),
        Panel(title="Offers declined", queries=increases("agentd_offers_declined_total", "reason")),
        Panel(
            title="From offer to running",
            unit="s",
            queries=quantiles("agentd_dispatch_seconds", "step"),
        ),
        Panel(
            title="How long jobs take", unit="s", queries=quantiles("agentd_job_duration_seconds")
        ),
        Panel(title="Joining the room", unit="s", queries=quantiles("agentd_room_join_seconds")),
    ),
    "Crashes and resumes": (
        Panel(title="Ends of children", queries=increases("agentd_child_ends_total", "reason")),
        Panel(title="Resumes", queries=increases("agentd_resumes_total", "reason", "outcome")),
        Panel(
            title="Seconds without the agent",
            unit="s",
            queries=quantiles("agentd_resume_gap_seconds", "reason", which=(0.5, 0.95, 0.99)),
        ),
        Panel(
            title="After a restart of the daemon",
            queries=(
                *increases("agentd_jobs_found_total", "process"),
                Query("sum(increase(agentd_adoptions_total{$S}[$R]))", "adopted"),
            ),
        ),
        Panel(
            title="Children by state",
            queries=(
                Query("sum by (state) (agentd_children{$S})", "{{state}}"),
                Query("sum(agentd_children_wanted{$S})", "wanted warm"),
            ),
        ),
        Panel(
            title="Starting a child",
            unit="s",
            queries=(
                *quantiles("agentd_child_start_seconds"),
                Query("sum(increase(agentd_child_starts_total{$S}[$R]))", "starts"),
            ),
        ),
        Panel(
            title="Restarts of the daemon's parts",
            queries=increases("agentd_part_restarts_total", "part"),
        ),
    ),
    "Conversations": (
        Panel(
            title="Latency of a turn",
            unit="s",
            queries=quantiles("agentd_turn_latency_seconds", "stage"),
        ),
        Panel(
            title="Turns and interruptions",
            unit="cps",
            queries=(
                Query("sum(rate(agentd_turns_total{$S}[$R]))", "turns"),
                Query("sum(rate(agentd_interruptions_total{$S}[$R]))", "interruptions"),
            ),
        ),
        Panel(title="Dead air", queries=increases("agentd_dead_air_total", "recovery")),
        Panel(title="Outages", queries=increases("agentd_outages_total", "kind")),
        Panel(
            title="Seconds of outages",
            unit="s",
            queries=increases("agentd_outage_seconds_total", "kind", "outcome"),
        ),
        Panel(
            title="Apologies and lost audio",
            queries=(
                *increases("agentd_apologies_total", "cause"),
                *increases("agentd_output_lost_total", "lost"),
            ),
        ),
    ),
    "Models": (
        Panel(
            title="Tokens", unit="cps", queries=rates("agentd_model_tokens_total", "model", "kind")
        ),
        Panel(
            title="Characters spoken",
            unit="cps",
            queries=rates("agentd_tts_characters_total", "provider", "model"),
        ),
        Panel(
            title="Seconds of audio a second",
            queries=rates("agentd_model_audio_seconds_total", "kind", "model"),
        ),
        Panel(
            title="Circuits that are not closed",
            queries=(
                Query(
                    'sum by (circuit, state) (agentd_circuit_state{$S,state!="closed"})',
                    "{{circuit}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Circuits that opened",
            queries=increases("agentd_circuit_opened_total", "circuit"),
        ),
        Panel(
            title="Retries refused, fallbacks, second requests",
            queries=(
                *increases("agentd_retries_refused_total", "circuit"),
                *increases("agentd_fallback_switches_total", "model"),
                *increases("agentd_hedges_total", "model"),
            ),
        ),
    ),
    "The daemon itself": (
        Panel(
            title="Lag of event loops",
            unit="s",
            queries=(
                *quantiles("agentd_loop_lag_seconds", "instance", which=(0.99,)),
                Query(
                    "histogram_quantile(0.99, "
                    "sum by (le) (rate(agentd_child_answer_seconds_bucket{$S}[$R])))",
                    "children p99",
                ),
            ),
        ),
        Panel(
            title="Journal",
            queries=(
                Query("sum by (instance) (agentd_journal_waiting{$S})", "{{instance}} waiting"),
                Query("sum(increase(agentd_journal_errors_total{$S}[$R]))", "errors"),
                Query("sum(increase(agentd_journal_dropped_total{$S}[$R]))", "dropped"),
            ),
        ),
        Panel(
            title="Writing the journal", unit="s", queries=quantiles("agentd_journal_write_seconds")
        ),
        Panel(
            title="Connection to LiveKit",
            queries=(
                *increases("agentd_link_failures_total", "kind"),
                Query("sum(increase(agentd_link_registrations_total{$S}[$R]))", "registered"),
                Query("sum(increase(agentd_link_messages_dropped_total{$S}[$R]))", "dropped"),
            ),
        ),
        Panel(
            title="Dropped on purpose",
            queries=(
                *increases("agentd_logs_dropped_total", "by"),
                *increases("agentd_metrics_dropped_total", "why"),
                Query("sum(increase(agentd_spans_dropped_total{$S}[$R]))", "spans"),
            ),
            text="Logs, figures and spans are dropped before they delay a job.",
        ),
        Panel(
            title="Memory",
            unit="bytes",
            queries=(
                Query("sum by (instance) (process_resident_memory_bytes{$S})", "{{instance}}"),
                Query("sum by (instance) (agentd_child_memory_bytes{$S})", "{{instance}} children"),
            ),
        ),
        Panel(
            title="HTTP port",
            queries=(
                *increases("agentd_http_refused_total", "why"),
                Query("sum(agentd_event_readers{$S})", "readers of /events"),
                Query(
                    "sum(increase(agentd_event_readers_dropped_total{$S}[$R]))", "dropped readers"
                ),
            ),
        ),
        Panel(
            title="CPU of the supervisor",
            unit="percentunit",
            queries=(
                Query(
                    "sum by (instance) (rate(process_cpu_seconds_total{$S}[$R]))", "{{instance}}"
                ),
            ),
        ),
        Panel(
            title="Versions",
            queries=(Query("sum by (version) (agentd_build_info{$S})", "{{version}}"),),
        ),
    ),
}
