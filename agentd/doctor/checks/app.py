"""The app: that it imports, how long that takes, what it leaves running, what it offers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from agentd.doctor.facts import AppFacts
from agentd.doctor.finding import Finding, failure, gravest, ok, warning
from agentd.doctor.patient import Patient
from agentd.settings.model import Settings

SLOW_IMPORT = 5.0
"""Seconds; a start, a reload and a template's restart each wait for it."""

SHOWN_PACKAGES = 5


# -- import ------------------------------------------------------------------------


def judge_import(facts: AppFacts) -> Finding:
    """It can be imported and has an entrypoint."""
    if facts.info is None:
        where = f" ({facts.line})" if facts.line else ""
        return failure(
            f"{facts.error}{where}", "mend that line; `agentd config APP` shows all of it"
        )
    return ok(f"imported in {facts.seconds:.2f} s, {facts.rss_mb:.0f} MB")


async def imports(patient: Patient) -> Finding:
    return judge_import((await patient.imported()).facts)


# -- time --------------------------------------------------------------------------


def judge_import_time(
    seconds: float, by_package: Mapping[str, float], template_timeout: float
) -> Finding:
    """How long a template takes, and because of what."""
    slowest = ", ".join(
        f"{name} {took:.2f} s" for name, took in islice(by_package.items(), SHOWN_PACKAGES)
    )
    text = f"{seconds:.2f} s; the slowest: {slowest or 'nothing was left to import'}"
    if seconds > template_timeout:
        return failure(
            f"{text}; template_timeout is {template_timeout:g} s",
            f"import less at the top level, or template_timeout = {2 * seconds:.0f} under [pool]",
        )
    if seconds > SLOW_IMPORT:
        return warning(
            f"{text}: each start and reload waits so long",
            "import the slowest inside the function that needs it, or load local models by "
            "AgentServer(models=[...])",
        )
    return ok(text)


async def import_time(patient: Patient) -> Finding:
    facts = await patient.app()
    imported, settings = await patient.imported(), await patient.settings()
    return judge_import_time(
        facts.seconds, imported.seconds_by_package, settings.pool.template_timeout
    )


# -- forking -----------------------------------------------------------------------


def judge_fork_safety(facts: AppFacts, start_method: str) -> Finding:
    """No thread runs after the import: a template with threads can't fork."""
    if not facts.threads:
        return ok("no thread runs after the import: children are forked")
    listed = ", ".join(f"{each.name} by {each.started_by}" for each in facts.threads)
    text = f"{len(facts.threads)} threads run after the import: {listed}"
    remedy = (
        "start it in prewarm (setup_fnc) or in the entrypoint instead of at import; until then "
        "children are spawned, each with an import of its own"
    )
    if start_method == "fork":
        return failure(f"{text}; start_method is 'fork'", remedy)
    if start_method == "spawn":
        return ok(f"{text}; start_method is 'spawn', so that does no harm")
    return warning(text, remedy)


async def fork_safety(patient: Patient) -> Finding:
    facts, settings = await patient.app(), await patient.settings()
    return judge_fork_safety(facts, settings.pool.start_method)


# -- what it is ----------------------------------------------------------------------


def judge_agent(facts: AppFacts, settings: Settings) -> Finding:
    """Its name, and options of livekit-agents that do nothing here."""
    assert facts.info is not None
    name = settings.livekit.agent_name
    text = (
        f"agent_name '{name}': jobs come by explicit dispatch"
        if name
        else "no agent_name: every new room of this server gets the agent"
    )
    notes = [warning(note, "take it out of the app") for note in facts.info.notes]
    if notes:
        return gravest(notes)
    return ok(f"rtc_session is there, {text}")


async def agent(patient: Patient) -> Finding:
    return judge_agent(await patient.app(), await patient.settings())
