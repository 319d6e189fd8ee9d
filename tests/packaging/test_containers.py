"""The image, the compose file and the manifests: valid by public checkers, and true to agentd.

No container engine is needed: `make image` builds where there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs

from agentd.daemon.configure import longest_stop
from agentd.settings.fields import FIELDS
from agentd.settings.model import JobSettings, Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "packaging" / "docker"
KUBERNETES = ROOT / "packaging" / "kubernetes"

CHECK_TIMEOUT = 30.0

GRACE_PERIOD = "TERMINATION_GRACE_PERIOD_SECONDS"
"""Where `agentd doctor` looks for it."""

RESOURCES = ("autoscaler", "configmap", "deployment", "disruption", "service")

SECONDS = {"h": 3600, "m": 60, "s": 1}


def check(tool: str, *arguments: str | Path) -> None:
    """A checker that is installed beside Python; what it found is in the error."""
    command = [str(Path(sys.executable).with_name(tool)), *(str(part) for part in arguments)]
    done = subprocess.run(
        command, timeout=CHECK_TIMEOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def manifest(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text())


@pytest.fixture
def pod() -> Any:
    return manifest("deployment")["spec"]["template"]["spec"]


@pytest.fixture
def agent() -> Any:
    """The service of the compose file that is ours."""
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["agent"]


def with_drain(seconds: str) -> Settings:
    return Settings(jobs=structs.replace(JobSettings(), drain_timeout=float(seconds)))


def duration(text: str) -> int:
    """Compose's `17m30s` in seconds."""
    return sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\d+)([hms])", text))


# -- public checkers -------------------------------------------------------------------


def test_the_dockerfile_passes_hadolint() -> None:
    check("hadolint", DOCKER / "Dockerfile")


def test_the_compose_file_is_valid() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    check("check-jsonschema", *schema, DOCKER / "compose.yaml")


def test_the_manifests_are_valid() -> None:
    files = [KUBERNETES / f"{name}.yaml" for name in RESOURCES]
    check("kubernetes-validate", "--strict", *files)


def test_kustomize_takes_all_of_them() -> None:
    assert sorted(manifest("kustomization")["resources"]) == [f"{name}.yaml" for name in RESOURCES]


# -- against agentd --------------------------------------------------------------------


def test_a_pod_may_take_as_long_as_the_daemon_may(pod: Any) -> None:
    drain = manifest("configmap")["data"]["AGENTD_DRAIN_TIMEOUT"]

    assert pod["terminationGracePeriodSeconds"] >= longest_stop(with_drain(drain))
    told = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert told[GRACE_PERIOD] == str(pod["terminationGracePeriodSeconds"])


def test_a_container_may_take_as_long_as_the_daemon_may(agent: Any) -> None:
    drain = agent["environment"]["AGENTD_DRAIN_TIMEOUT"]

    assert duration(agent["stop_grace_period"]) >= longest_stop(with_drain(drain))


def test_what_is_set_are_settings(agent: Any) -> None:
    known = {field.variable for field in FIELDS.values()}
    known |= {field.livekit_variable for field in FIELDS.values()}
    given = {*agent["environment"], *manifest("configmap")["data"]} - {"CREDENTIALS_DIRECTORY"}

    assert given <= known


def test_the_probes_ask_for_what_there_is(pod: Any) -> None:
    container = pod["containers"][0]

    paths = {kind: container[kind]["httpGet"]["path"] for kind in container if "Probe" in kind}

    assert paths == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert container["ports"] == [{"name": "http", "containerPort": Settings().http.port}]


def test_an_app_that_is_slow_to_import_is_not_killed(pod: Any) -> None:
    probe = pod["containers"][0]["startupProbe"]

    patience = probe["periodSeconds"] * probe["failureThreshold"]

    assert patience >= 2 * Settings().pool.template_timeout


def test_the_autoscaler_acts_before_livekit_sends_no_more(pod: Any) -> None:
    """It stops at 0.7 of the slots."""
    slots = int(manifest("configmap")["data"]["AGENTD_MAX_JOBS"])
    metric = manifest("autoscaler")["spec"]["metrics"][0]["pods"]

    wanted = int(metric["target"]["averageValue"].removesuffix("m")) / 1000

    assert 0.4 * slots < wanted < 0.7 * slots
    assert manifest("adapter-rule")[0]["name"]["matches"] == metric["metric"]["name"]


@pytest.mark.parametrize("folder", ["/var/lib/agentd", "/run/agentd"])
def test_state_and_sockets_outlive_a_container(pod: Any, agent: Any, folder: str) -> None:
    """The image's directories are those that the manifests keep."""
    assert folder in (DOCKER / "Dockerfile").read_text()
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    kept = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}

    assert mounts[folder] in kept
    assert any(folder in where for where in (*agent["volumes"], *agent["tmpfs"]))
