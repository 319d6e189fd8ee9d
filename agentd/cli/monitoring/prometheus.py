"""Rules and scrape job as Prometheus reads them. Strings are written as JSON, which YAML is too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from .alerts import ALERTS, JOB, Alert

RUNBOOKS = "docs/operations.md"
"""Where the runbooks are, unless it is said otherwise: in the distribution."""


def rules(alerts: Iterable[Alert] = ALERTS, *, runbooks: str = RUNBOOKS) -> str:
    """A rule file."""
    return "\n".join(_rule_lines(alerts, runbooks)) + "\n"


def _rule_lines(alerts: Iterable[Alert], runbooks: str) -> Iterator[str]:
    yield "# Written by `agentd metrics --dashboard`. Named in prometheus.yml under rule_files."
    yield "groups:"
    yield "  - name: agentd"
    yield "    rules:"
    for alert in alerts:
        yield f"      - alert: {alert.name}"
        yield f"        expr: {json.dumps(alert.expression)}"
        yield f"        for: {alert.lasting}"
        yield "        labels:"
        yield f"          severity: {alert.severity}"
        yield "        annotations:"
        yield f"          summary: {json.dumps(alert.summary)}"
        yield f"          description: {json.dumps(alert.text)}"
        yield f"          runbook_url: {json.dumps(f'{runbooks}#{alert.anchor}')}"


def scrape_job(target: str) -> str:
    """What belongs into prometheus.yml. `target`: host and port of a daemon."""
    return f"""\
# Into prometheus.yml. The job must be called so: the rules ask for it by that name.
rule_files:
  - agentd-alerts.yml
scrape_configs:
  - job_name: {JOB}
    # Where http_token is set (it must be, on an address that others can reach):
    # authorization:
    #   credentials_file: /etc/prometheus/agentd_token
    static_configs:
      - targets: [{json.dumps(target)}]
"""
