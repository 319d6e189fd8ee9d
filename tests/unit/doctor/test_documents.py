"""docs/operations.md has the table of checks, and says how the command ends."""

from __future__ import annotations

import re
from pathlib import Path

from agentd.cli.exits import DOCTOR_EXITS, DoctorExit
from agentd.doctor.catalogue import CHECKS
from agentd.doctor.finding import SEVERITY

OPERATIONS = (Path(__file__).parents[3] / "docs/operations.md").read_text()
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
