"""From arguments to the daemon's plan."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from agentd.cli.plan import app_ref, make_plan
from agentd.cli.script import script_target
from agentd.errors import AppNotFound, SettingsError
from agentd.settings.layers import app_layer, resolve


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)


def test_a_plan_holds_layers_that_the_apps_own_can_join() -> None:
    """The template's report lies under flags and over dev's defaults."""
    plan = make_plan(
        app_ref("package.module:server", run_as_main=False),
        {"max_jobs": "3"},
        config=None,
        dev=True,
        reload=True,
        swap=True,
    )

    resolved = resolve([*plan.layers, app_layer({"max_jobs": 9, "drain_timeout": 5.0})])
    assert resolved.settings.pool.max_jobs == 3
    assert resolved.settings.jobs.drain_timeout == 5.0
    assert resolved.settings.log.log_level == "DEBUG"
    assert (plan.app.target, plan.app.name) == ("package.module", "server")
    assert (plan.reload, plan.swap) == (True, True)


def test_a_value_that_cant_be_used_is_told_before_anything_starts() -> None:
    """The plan is checked as far as it is known."""
    with pytest.raises(SettingsError, match="max_jobs"):
        make_plan(app_ref("module", run_as_main=False), {"max_jobs": "x"}, config=None, dev=False)


def test_a_script_is_named_by_its_file() -> None:
    """`python app.py` runs no module."""
    module = ModuleType("__main__")
    module.__file__ = "app.py"

    assert script_target(module) == str(Path.cwd() / "app.py")


def test_a_script_that_is_run_as_a_module_is_named_by_it() -> None:
    """`python -m package.module` keeps its relative imports that way."""
    module = ModuleType("__main__")
    module.__spec__ = sys.modules["json.decoder"].__spec__

    assert script_target(module) == "json.decoder"


def test_a_prompt_is_no_script() -> None:
    """run_app in an interactive session says what to do instead."""
    with pytest.raises(AppNotFound, match="put the app in a file"):
        script_target(ModuleType("__main__"))
