"""The dashboard and the alerts: valid, and about figures that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from agentd.cli.main import main
from agentd.cli.monitoring import ALERTS, ROWS, dashboard, rules, scrape_job
from agentd.cli.monitoring.document import figures_table
from agentd.daemon.exits import ExitCode
from agentd.management.metrics import described

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs/operations.md").read_text()

OURS = {each.name: each for each in described()}
FOREIGN = {
    "up": (),
    "process_resident_memory_bytes": (),
    "process_cpu_seconds_total": (),
}
"""Those of Prometheus and of prometheus_client."""

TARGET = {"job", "instance"}
"""Labels that Prometheus gives to all of a target's figures."""


def expressions() -> Iterator[tuple[str, str]]:
    """Every one, with what it is in; Grafana's own range made one of Prometheus'."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for alert in ALERTS:
        yield alert.name, alert.expression


def labels_of(name: str) -> set[str]:
    """What a sample of this name has; raises KeyError for one that there is not."""
    if name in FOREIGN:
        return TARGET | set(FOREIGN[name])
    family = OURS.get(re.sub(r"_(bucket|sum|count)$", "", name)) or OURS[name]
    if (family.kind == "histogram") != (family.name != name):
        raise KeyError(name)
    return TARGET | set(family.labels) | ({"le"} if name.endswith("_bucket") else set())


def selectors(node: Any) -> Iterator[Any]:
    """All in an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("lhs", "rhs", "expr", "vector_selector", "param"):
        below = getattr(node, part, None)
        if below is not None and not isinstance(below, str):
            yield from selectors(below)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def groupings(node: Any) -> Iterator[tuple[list[str], Any]]:
    """What aggregations group by, and over what."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        yield list(node.modifier.labels), node.expr
    for part in ("lhs", "rhs", "expr"):
        below = getattr(node, part, None)
        if below is not None:
            yield from groupings(below)
    for argument in getattr(node, "args", None) or ():
        yield from groupings(argument)


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_an_expression_asks_for_figures_and_labels_that_there_are(
    where: str, expression: str
) -> None:
    """By their exact names."""
    parsed = promql_parser.parse(expression)

    found = list(selectors(parsed))
    assert found, where
    for selector in found:
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels_of(selector.name)
    for labels, over in groupings(parsed):
        for selector in selectors(over):
            assert set(labels) <= labels_of(selector.name)


@pytest.mark.parametrize(
    "wrong",
    [
        "agentd_no_such_thing",
        "rate(agentd_jobs_ended[5m])",
        'agentd_jobs{colour="red"}',
        "sum by (colour) (agentd_jobs)",
        "sum(agentd_dispatch_seconds)",
    ],
)
def test_the_check_finds_what_there_is_not(wrong: str) -> None:
    """So that the test above says something."""
    with pytest.raises((AssertionError, KeyError)):
        test_an_expression_asks_for_figures_and_labels_that_there_are("", wrong)


def test_every_figure_is_on_the_dashboard_or_in_an_alert() -> None:
    """What nobody looks at need not be measured."""
    asked = {
        re.sub(r"_bucket$", "", selector.name)
        for _, expression in expressions()
        for selector in selectors(promql_parser.parse(expression))
    }

    assert set(OURS) - asked == {"agentd_healthy"}  # /healthz, which is asked for itself


def test_the_dashboard_is_laid_out() -> None:
    """No panel upon another, each with an id and a title of its own; legends by known labels."""
    panels = dashboard()["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells
        assert all(x < 24 for x, _ in mine)
        cells |= mine
    for row in ROWS.values():
        for panel in row:
            for query in panel.queries:
                named = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
                assert all(label in query.expression for label in named)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_to_do(alert: Any) -> None:
    """Under a heading of its own name, which the link in it leads to."""
    assert f"\n### {alert.name}\n" in OPERATIONS
    assert alert.anchor == alert.name.lower()
    assert len(OPERATIONS.split(f"### {alert.name}\n")[1].split("\n#")[0]) > 100
    assert alert.summary != alert.text


def test_the_rules_are_what_prometheus_reads() -> None:
    """YAML, with each alert whole."""
    document = yaml.safe_load(rules(runbooks="https://example.com/operations.md"))

    (group,) = document["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
    for rule, alert in zip(group["rules"], ALERTS, strict=True):
        assert rule["expr"] == alert.expression
        assert rule["for"] == alert.lasting
        assert rule["labels"] == {"severity": alert.severity}
        assert rule["annotations"] == {
            "summary": alert.summary,
            "description": alert.text,
            "runbook_url": f"https://example.com/operations.md#{alert.anchor}",
        }


def test_the_scrape_job_has_the_name_that_the_rules_ask_for() -> None:
    """And the target that was given."""
    (job,) = yaml.safe_load(scrape_job("voice1:8081"))["scrape_configs"]

    assert job == {"job_name": "agentd", "static_configs": [{"targets": ["voice1:8081"]}]}


def test_the_docs_have_the_table_of_all_figures() -> None:
    """Made by `agentd.cli.monitoring.document.figures_table`: print it and paste it in."""
    assert f"\n{figures_table()}\n" in OPERATIONS


def test_the_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No daemon is needed; a second time they are written anew."""
    for _ in range(2):
        assert main(["metrics", "--dashboard", str(tmp_path / "a/b")]) == ExitCode.OK

    names = sorted(path.name for path in (tmp_path / "a/b").iterdir())
    assert names == ["agentd-alerts.yml", "agentd-dashboard.json", "agentd-scrape.yml"]
    assert json.loads((tmp_path / "a/b/agentd-dashboard.json").read_text())["uid"] == "agentd"
    assert "agentd-alerts.yml" in capsys.readouterr().out


def test_a_directory_that_can_not_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_text("")

    code = main(["metrics", "--dashboard", str(tmp_path / "file" / "below")])

    assert code == ExitCode.DIRECTORY
    assert "name another directory with --dashboard" in capsys.readouterr().err
