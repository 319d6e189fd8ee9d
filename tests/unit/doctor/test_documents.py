"""docs/operations.md has the table of checks, and says how the command ends."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from agentd.cli.exits import DOCTOR_EXITS, DoctorExit
from agentd.doctor.catalogue import CHECKS
from agentd.doctor.checks.service import GRACE_VARIABLE, judge_pod, judge_unit
from agentd.doctor.finding import SEVERITY
from agentd.doctor.unitfile import parse_units
from agentd.settings.model import Settings

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
ROW = re.compile(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \| (.*) \|$", re.MULTILINE)


def test_the_table_is_that_of_the_code() -> None:
    """In its order, with what each looks at and what it needs."""
    section = OPERATIONS.split("\n## Doctor")[1].split("\n## ")[0]

    documented = [
        (id_, group, looks_at, notes.strip())
        for id_, group, looks_at, notes in ROW.findall(section)
    ]

    notes = {"network": "network", "costs": "may cost", "fix": "`--fix`"}
    assert documented == [
        (
            check.id,
            check.group,
            check.looks_at,
            ", ".join(text for field, text in notes.items() if getattr(check, field)),
        )
        for check in CHECKS
    ]


def test_each_verdict_has_an_exit_code_and_the_table_has_it() -> None:
    """A worse one has a higher code."""
    assert DOCTOR_EXITS.keys() == SEVERITY.keys()
    for code in DoctorExit:
        assert f"| {code.value} | {code.name} |" in OPERATIONS


def test_our_own_unit_files_are_well() -> None:
    """What we ship passes what we ask of others."""
    for path in (ROOT / "packaging/systemd").glob("*.service"):
        finding = judge_unit(parse_units(path.name, [path.read_text()]), Settings())

        assert finding.verdict == "ok", finding


def test_our_own_pods_tell_their_grace_period() -> None:
    """By the variable that the check reads, and it is long enough."""
    text = (ROOT / "packaging/kubernetes/deployment.yaml").read_text()
    spec = yaml.safe_load(text)["spec"]["template"]["spec"]
    environ = {each["name"]: each["value"] for each in spec["containers"][0]["env"]}

    finding = judge_pod(environ | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, Settings())

    assert finding.verdict == "ok"
    assert environ[GRACE_VARIABLE] == str(spec["terminationGracePeriodSeconds"])
