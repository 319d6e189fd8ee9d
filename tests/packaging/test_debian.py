"""The Debian package and the units: what is in them, and how much a service may do.

That they work is tests/systemd's; this needs neither root nor a running systemd.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.debian import build_package

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"
SERVICES = ("agentd.service", "agentd@.service")

MOST_EXPOSURE = 2.0
"""Of ten; what systemd-analyze calls OK begins under 2.5."""


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def directives(name: str) -> list[str]:
    """The lines of a unit, without comments."""
    text = (UNITS / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, with a program in place of the whole environment."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb: this is not Debian")
    return build_package(tmp_path_factory.mktemp("package"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    """Hardening that is lost by an edit shows here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / name))

    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSURE


def test_an_instance_is_a_service_but_for_its_names() -> None:
    """What is mended in one unit is mended in both."""
    template = [line for line in directives("agentd@.service") if "/etc/agentd/%i.env" not in line]
    plain = [
        line.replace("agentd-%i", "agentd")
        .replace("XDG_CACHE_HOME=%C/agentd", "XDG_CACHE_HOME=%C")
        .replace("agentd %i, a voice agent", "agentd, voice agents")
        for line in template
    ]

    assert plain == directives("agentd.service")


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "NotifyAccess=main",
        "KillMode=process",
        "OOMPolicy=continue",
        "RuntimeDirectoryPreserve=restart",
        "Restart=on-failure",
    ],
)
def test_what_calls_survive_by_is_in_the_unit(name: str, line: str) -> None:
    """Without any of these a restart would end calls."""
    assert line in directives(name)


def test_the_package_has_all_of_its_parts(package: Path) -> None:
    """And each belongs to root, and can be read."""
    listed = run("dpkg-deb", "--contents", str(package)).splitlines()
    found = {line.split()[5].removeprefix("."): line.split()[:2] for line in listed}

    for path, mode in {
        "/opt/agentd/bin/agentd": "-rwxr-xr-x",
        "/usr/bin/agentd": "lrwxrwxrwx",
        "/usr/lib/systemd/system/agentd.service": "-rw-r--r--",
        "/usr/lib/systemd/system/agentd@.service": "-rw-r--r--",
        "/usr/lib/systemd/system/agentd.socket": "-rw-r--r--",
        "/usr/lib/sysusers.d/agentd.conf": "-rw-r--r--",
        "/usr/lib/tmpfiles.d/agentd.conf": "-rw-r--r--",
        "/etc/default/agentd": "-rw-r--r--",
        "/etc/agentd/": "drwxr-xr-x",
        "/usr/share/man/man1/agentd.1.gz": "-rw-r--r--",
        "/usr/share/doc/agentd/copyright": "-rw-r--r--",
        "/usr/share/doc/agentd/changelog.gz": "-rw-r--r--",
    }.items():
        assert found[path] == [mode, "root/root"], path


def test_the_package_says_what_it_is(package: Path, tmp_path: Path) -> None:
    """Its version is agentd's, its settings are kept over upgrades, its scripts are shell."""
    run("dpkg-deb", "--control", str(package), str(tmp_path))
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None

    control = (tmp_path / "control").read_text()
    assert f"Version: {version[1]}\n" in control
    assert "Depends: systemd (>= 252)" in control
    assert (tmp_path / "conffiles").read_text() == "/etc/default/agentd\n"
    for script in ("postinst", "prerm", "postrm"):
        assert (tmp_path / script).stat().st_mode & 0o777 == 0o755
        run("sh", "-n", str(tmp_path / script))
