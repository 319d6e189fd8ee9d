"""What `agentd metrics --dashboard` writes: a dashboard for Grafana, rules and a scrape job for
Prometheus. Data and its writing, pure; a test holds every name in it to those of a daemon.
"""

from __future__ import annotations

from .alerts import ALERTS, Alert
from .grafana import dashboard
from .panels import ROWS, Panel
from .prometheus import rules, scrape_job

__all__ = ["ALERTS", "ROWS", "Alert", "Panel", "dashboard", "rules", "scrape_job"]
