"""What `make dist` builds can be installed by itself, and has everything in it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLUGINS = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if folder.is_dir())

BUILD_TIMEOUT = 50.0

# What only a checkout has must not be needed: this runs without one.
SHOW_PLUGINS = """
import importlib, json
from importlib.metadata import entry_points
import agentd
found = entry_points(group="agentd.plugins")
plugins = {entry.name: importlib.import_module(entry.value).__file__ for entry in found}
print(json.dumps({"agentd": agentd.__file__, "plugins": plugins}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What a command printed; its whole output is in the error when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        timeout=BUILD_TIMEOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def uv() -> Path:
    """The one in this environment, which `make dist` uses."""
    return Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All wheels and sdists, as `make dist` makes them; each wheel is built from its sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(ROOT / "packaging" / "dist.sh", folder, cwd=ROOT)
    return folder


def test_each_package_has_a_wheel_and_an_sdist(dist: Path) -> None:
    names = {path.name.partition("-")[0] for path in dist.glob("*.whl")}

    assert names == {"agentd", "agentd_livekit_plugins"} | {f"agentd_{name}" for name in PLUGINS}
    assert {path.name.partition("-")[0] for path in dist.glob("*.tar.gz")} == names


def test_wheels_have_their_types_and_their_licence(dist: Path) -> None:
    for path in dist.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            metadata = next(name for name in names if name.endswith("/METADATA"))
            text = wheel.read(metadata).decode()
        assert any(name.endswith("/py.typed") for name in names), path.name
        assert "License-Expression: " in text, path.name
        assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_the_wheel_of_agentd_is_all_of_its_code(dist: Path) -> None:
    """Files that are no Python too: the status page, the templates of `init`, and the like."""
    tracked = run("git", "ls-files", "agentd", cwd=ROOT).split()
    with zipfile.ZipFile(next(dist.glob("agentd-*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("agentd/")}

    assert packed == set(tracked)


def test_the_sdist_of_agentd_has_what_operators_need(dist: Path) -> None:
    with tarfile.open(next(dist.glob("agentd-*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"README.md", "LICENSE", "CHANGELOG.md", "docs/operations.md"} <= names
    assert {"packaging/docker/Dockerfile", "packaging/kubernetes/deployment.yaml"} <= names


def test_they_install_into_an_empty_environment_and_work(dist: Path, tmp_path: Path) -> None:
    """With what they depend on, and nothing of this checkout."""
    own = [path for path in dist.glob("*.whl") if "livekit_plugins" not in path.name]
    run(uv(), "venv", "--quiet", "--python", sys.executable, "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run(uv(), "pip", "install", "--quiet", "--python", python, *own, cwd=tmp_path)

    shown = json.loads(run(python, "-I", "-c", SHOW_PLUGINS, cwd=tmp_path))
    version = run(tmp_path / "env" / "bin" / "agentd", "--version", cwd=tmp_path)

    assert sorted(shown["plugins"]) == PLUGINS
    for path in (shown["agentd"], *shown["plugins"].values()):
        assert Path(path).is_relative_to(tmp_path / "env")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version == f"agentd, version {project['version']}\n"
