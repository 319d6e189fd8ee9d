"""Whether the daemon is healthy, and what is wrong if it is not. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agentd.supervision.view import Trouble
from agentd.supervisor.snapshot import PoolView, TemplateView


class LinkView(Struct, frozen=True, kw_only=True):
    """The connection to LiveKit."""

    phase: str
    error: str = ""
    worker_id: str = ""


class DaemonView(Struct, frozen=True, kw_only=True):
    """The daemon at one moment."""

    template: TemplateView
    pool: PoolView
    link: LinkView
    jobs: int
    draining: bool = False
    troubles: tuple[Trouble, ...] = ()
    """Children of the daemon's tree that are not well."""


TEMPLATE_PATH = "daemon/template"
POOL_PATH = "daemon/pool"
LINK_PATH = "daemon/link"


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    part: Literal["supervisor", "template", "pool", "link"]
    message: str
    path: str = ""
    """Of the child in the daemon's tree."""


class Health(Struct, frozen=True, kw_only=True):
    """The answer of /healthz."""

    status: Literal["ok", "unhealthy"]
    problems: list[Problem] = []
    jobs: int = 0
    slots: int = 0
    idle: int = 0
    link: str = ""
    start_method: str = ""

    @property
    def http_status(self) -> int:
        """200, or 503 when something is wrong."""
        return 503 if self.status == "unhealthy" else 200


def judge_health(view: DaemonView) -> Health:
    """The health that a view stands for."""
    problems = [*_template_problems(view), *_pool_problems(view), *_link_problems(view)]
    problems += _other_problems(view)
    return Health(
        status="unhealthy" if problems else "ok",
        problems=problems,
        jobs=view.jobs,
        slots=view.pool.slots,
        idle=view.pool.idle,
        link=view.link.phase,
        start_method=view.pool.start_method,
    )


def _template_problems(view: DaemonView) -> list[Problem]:
    template = view.template
    if view.draining or (template.alive and not template.last_error):
        return []
    if template.alive:
        # A reload failed: jobs are served, by the old code. That is not ill.
        return []
    message = template.last_error or "the template is not running"
    return [Problem(part="template", path=TEMPLATE_PATH, message=message)]


def _pool_problems(view: DaemonView) -> list[Problem]:
    pool = view.pool
    if view.draining:
        return []
    if pool.failing and pool.last_error:
        return [Problem(part="pool", path=POOL_PATH, message=pool.failing)]
    if not pool.failures or pool.idle:
        return []
    message = (
        f"no warm child: {pool.failures} starts in a row have failed, "
        f"the last one: {pool.last_error}"
    )
    return [Problem(part="pool", path=POOL_PATH, message=message)]


def _link_problems(view: DaemonView) -> list[Problem]:
    if view.link.phase not in ("refused", "unreachable"):
        return []
    return [Problem(part="link", path=LINK_PATH, message=view.link.error)]


def _other_problems(view: DaemonView) -> list[Problem]:
    """Children that are down for a fault of ours; one that runs again may be trusted."""
    return [
        Problem(part="supervisor", path=trouble.path, message=trouble.last_error)
        for trouble in view.troubles
        if trouble.path not in (TEMPLATE_PATH, POOL_PATH) and trouble.state != "running"
    ]
