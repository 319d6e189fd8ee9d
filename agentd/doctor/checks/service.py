"""What starts and stops the daemon, against its settings: systemd, Kubernetes; and webhooks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from agentd.credentials import secret_variable
from agentd.daemon.configure import longest_stop
from agentd.doctor.finding import Finding, failure, gravest, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.threads import in_thread
from agentd.doctor.unitfile import Unit, load, parse_span
from agentd.settings.model import Settings

from .limits import CHILD_FILES, CHILD_THREADS, OWN_FILES

DEFAULT_STOP = 90.0
"""systemd's own TimeoutStopSec."""

LEAST_STOP = 30.0
"""With Type=notify the daemon asks for more time while it drains; the first word needs as long."""

LEAST_WATCHDOG = 10.0


# -- systemd -----------------------------------------------------------------------------


def judge_unit(unit: Unit, settings: Settings) -> Finding:
    """The unit lets calls outlive a stop and a crash, and the slots fit into its limits."""
    findings = [*_stopping(unit, settings), *_surviving(unit), *_limits(unit, settings)]
    if findings:
        whole = gravest(findings)
        return (failure if whole.verdict == "failure" else warning)(
            f"{unit.path}: {whole.evidence}", f"systemctl edit: {whole.remedy}"
        )
    return ok(
        f"{unit.path}: Type={unit.last('Type')}, KillMode={unit.last('KillMode')}, "
        f"TimeoutStopSec={unit.last('TimeoutStopSec', 'default')}, "
        f"WatchdogSec={unit.last('WatchdogSec', 'none')}, Restart={unit.last('Restart')}"
    )


def _stopping(unit: Unit, settings: Settings) -> Iterator[Finding]:
    stop = unit.seconds("TimeoutStopSec")
    stop = DEFAULT_STOP if stop is None else stop or math.inf  # 0 means no limit
    notify = unit.last("Type") in ("notify", "notify-reload")
    longest = longest_stop(settings)
    if notify and stop < LEAST_STOP:
        yield failure(
            f"TimeoutStopSec is {stop:g} s: a drain is cut off before it can ask for more time",
            f"TimeoutStopSec={LEAST_STOP:.0f}",
        )
    if not notify and stop < longest:
        yield failure(
            f"TimeoutStopSec is {stop:g} s and Type is not notify: systemd kills calls that a "
            f"drain lets go on for up to {longest:.0f} s (drain_timeout "
            f"{settings.jobs.drain_timeout:g} s and the end of each job)",
            f"Type=notify, or TimeoutStopSec={math.ceil(longest)}",
        )
    if not notify:
        yield warning(
            "Type is not notify: systemd counts the daemon as started before it is", "Type=notify"
        )
    watchdog = unit.seconds("WatchdogSec")
    if watchdog is not None and 0 < watchdog < LEAST_WATCHDOG:
        yield warning(
            f"WatchdogSec is {watchdog:g} s: a busy moment counts as a hang",
            f"WatchdogSec={LEAST_WATCHDOG * 3:.0f}",
        )
    if notify and not watchdog:
        yield warning("no WatchdogSec: a hung daemon is not restarted", "WatchdogSec=30")


def _surviving(unit: Unit) -> Iterator[Finding]:
    if unit.last("KillMode", "control-group") != "process":
        yield warning(
            f"KillMode is {unit.last('KillMode', 'control-group')}: when the daemon dies, systemd "
            "kills the children that its successor would adopt, and their calls",
            "KillMode=process",
        )
    if unit.last("Restart", "no") not in ("always", "on-failure", "on-abnormal"):
        yield warning("Restart is off: a dead daemon stays dead", "Restart=always")
    named = unit.last("RuntimeDirectory")
    if named and unit.last("RuntimeDirectoryPreserve") not in ("yes", "restart", "true", "1"):
        yield warning(
            "RuntimeDirectoryPreserve is off: the socket by which children come back goes with "
            "the daemon",
            "RuntimeDirectoryPreserve=restart",
        )
    for line in unit.service.get("Environment", ()):
        for word in line.replace('"', " ").replace("'", " ").split():
            name = word.partition("=")[0]
            if secret_variable(name):
                yield warning(
                    f"{name} is in Environment=, which every user can read (systemctl show)",
                    f"LoadCredential={name.lower()}:/etc/agentd/{name.lower()} in its place",
                )


def _limits(unit: Unit, settings: Settings) -> Iterator[Finding]:
    slots = settings.pool.max_jobs
    files = unit.last("LimitNOFILE").partition(":")[0]
    need = OWN_FILES + CHILD_FILES * (slots + settings.pool.num_idle_processes)
    if files.isdecimal() and int(files) < need:
        yield failure(
            f"LimitNOFILE is {files}, and {slots} slots take {need}", f"LimitNOFILE={need * 2}"
        )
    tasks = unit.last("TasksMax")
    threads = slots * CHILD_THREADS
    if tasks.isdecimal() and int(tasks) < threads:
        yield warning(
            f"TasksMax is {tasks}, and {slots} slots take some {threads} threads",
            f"TasksMax={threads * 2}",
        )


async def systemd_unit(patient: Patient) -> Finding:
    units = await in_thread(lambda: load(patient.root))
    if not units:
        return skipped("no unit agentd*.service is installed")
    settings = await patient.settings()
    return gravest(judge_unit(unit, settings) for unit in units)


# -- Kubernetes --------------------------------------------------------------------------


def judge_pod(environ: Mapping[str, str], settings: Settings) -> Finding:
    """A pod can't see its own grace period."""
    if not environ.get("KUBERNETES_SERVICE_HOST"):
        return skipped("this is no pod of Kubernetes")
    needed = math.ceil(longest_stop(settings))
    grace = parse_span(environ.get(GRACE_VARIABLE, ""))
    remedy = (
        f"terminationGracePeriodSeconds: {needed} in the pod's spec, and tell it to agentd doctor "
        f"by the variable {GRACE_VARIABLE}"
    )
    if grace is None:
        return skipped(
            f"terminationGracePeriodSeconds can't be seen from inside a pod; a drain takes up to "
            f"{needed} s, and Kubernetes kills after 30 s unless it is told",
            f"kubectl get pod {environ.get('HOSTNAME', 'NAME')} "
            "-o jsonpath={.spec.terminationGracePeriodSeconds}; " + remedy,
        )
    if grace < needed:
        return failure(
            f"terminationGracePeriodSeconds is {grace:g} ({GRACE_VARIABLE}), and a drain takes up "
            f"to {needed} s",
            remedy,
        )
    return ok(f"terminationGracePeriodSeconds is {grace:g}, a drain takes up to {needed} s")


GRACE_VARIABLE = "TERMINATION_GRACE_PERIOD_SECONDS"
"""What agentd's own manifests set beside the pod's grace period."""


async def kubernetes(patient: Patient) -> Finding:
    return judge_pod(patient.environ, await patient.settings())


# -- webhooks ----------------------------------------------------------------------------


def judge_webhooks() -> Finding:
    """What can be known of them: nothing, and it is no loss."""
    return skipped(
        "LiveKit's API does not tell which webhooks are configured; agentd needs none: it learns "
        "all by its own connection and the reconciler"
    )


async def webhooks(_: Patient) -> Finding:
    return judge_webhooks()
