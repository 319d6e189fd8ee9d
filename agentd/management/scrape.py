"""GET /metrics: on the HTTP port for Prometheus, on the control socket for `agentd metrics`."""

from __future__ import annotations

from aiohttp import web

from .kept import Kept
from .metrics import Metrics

SCRAPE_INTERVAL = 0.1
"""Seconds that the figures are kept: writing them takes the daemon's loop 3 ms."""

OPEN_METRICS = "application/openmetrics-text"


def add_metrics(app: web.Application, metrics: Metrics) -> None:
    """Mount it. Who may ask is decided by whoever serves the app."""
    kept = {
        True: Kept(lambda: metrics.text(OPEN_METRICS), SCRAPE_INTERVAL),
        False: Kept(metrics.text, SCRAPE_INTERVAL),
    }

    async def show_metrics(request: web.Request) -> web.Response:
        body, content_type = kept[OPEN_METRICS in request.headers.get("Accept", "")].get()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/metrics", show_metrics)
