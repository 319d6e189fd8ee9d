"""From a command's arguments to what the daemon is asked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agentd.daemon.exits import ExitCode
from agentd.daemon.plan import DaemonPlan
from agentd.settings.appref import AppRef, parse_app_ref
from agentd.settings.layers import resolve
from agentd.settings.load import load_layers


def app_ref(text: str, *, run_as_main: bool) -> AppRef:
    """The app that was named; raises AppNotFound."""
    return msgspec.structs.replace(parse_app_ref(text), as_main=run_as_main)


def make_plan(
    app: AppRef,
    flags: Mapping[str, str],
    *,
    config: str | None,
    dev: bool,
    reload: bool = False,
    swap: bool = False,
    verbose: bool = False,
) -> DaemonPlan:
    """The plan; raises SettingsError now for what can be known before the app is imported."""
    layers = load_layers(flags, config=config, dev=dev)
    resolve(layers)
    return DaemonPlan(app=app, layers=layers, dev=dev, reload=reload, swap=swap, verbose=verbose)


def run_plan(plan: DaemonPlan) -> ExitCode:
    """Be the daemon until it ends."""
    # Late: neither help nor a wrong flag should wait for the daemon's libraries.
    from agentd.daemon.main import run_daemon

    return run_daemon(plan)
