"""GET /metrics: on the HTTP port for Prometheus, on the control socket for `agentd metrics`."""

from __future__ import annotations

from aiohttp import web

from .metrics import Metrics


def add_metrics(app: web.Application, metrics: Metrics) -> None:
    """Mount it. Who may ask is decided by whoever serves the app."""

    async def show_metrics(request: web.Request) -> web.Response:
        body, content_type = metrics.text(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/metrics", show_metrics)
