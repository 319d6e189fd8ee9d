"""The dashboard as Grafana reads it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from .panels import RANGE, ROWS, SELECTION, Panel, Query

WIDTH = 24
"""Columns of Grafana's grid."""

SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard() -> dict[str, Any]:
    """All of it; to be imported, or put into a provisioned folder."""
    return {
        "uid": "agentd",
        "title": "agentd",
        "description": "Voice agents on LiveKit: jobs, resumes, conversations, models.",
        "tags": ["agentd"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def filled(query: Query) -> str:
    """The expression with the selection and the range in it."""
    return query.expression.replace("$S", SELECTION).replace("$R", RANGE)


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "source",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
    }
    for name, query in (
        ("job", "label_values(agentd_build_info, job)"),
        ("instance", 'label_values(agentd_build_info{job=~"$job"}, instance)'),
    ):
        yield {
            "name": name,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _panels() -> Iterator[dict[str, Any]]:
    numbers = count(1)
    top = 0
    for title, panels in ROWS.items():
        place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {"id": next(numbers), "type": "row", "title": title, "gridPos": place, "panels": []}
        top += 1
        wide, high = (WIDTH // 6, 4) if panels[0].stat else (WIDTH // 2, 8)
        a_row = WIDTH // wide
        for index, panel in enumerate(panels):
            place = {
                "h": high,
                "w": wide,
                "x": index % a_row * wide,
                "y": top + index // a_row * high,
            }
            yield _panel(next(numbers), panel, place)
        top += -(-len(panels) // a_row) * high


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": _STAT if panel.stat else _GRAPH,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": filled(query),
                "legendFormat": query.legend or "__auto",
            }
            for index, query in enumerate(panel.queries)
        ],
    }


_STAT = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
_GRAPH = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
