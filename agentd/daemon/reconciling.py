"""Gives the reconciler what it needs of this daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from agentd.dispatch.claimbook import ClaimBook
from agentd.dispatch.desk import JobDesk
from agentd.dispatch.link import Link
from agentd.dispatch.reconcile import Reconciler
from agentd.dispatch.roomapi import RoomApi
from agentd.protocol.app import AppInfo
from agentd.settings.model import Settings
from agentd.supervisor.pool import Pool

from .base import Base


class ReconcileHost:
    """This daemon as `agentd.dispatch.look.Host` wants it."""

    def __init__(self, desk: JobDesk, pool: Pool, link: Link) -> None:
        self._desk = desk
        self._pool = pool
        self._link = link

    def free_slots(self) -> int:
        """Jobs that could be taken now; none in a crash loop, whoever asks would be declined."""
        if self._desk.draining or not self._link.connected:
            return 0
        if self._pool.failing and not self._pool.idle:
            return 0
        return max(0, self._pool.capacity - self._pool.busy - self._desk.running.homeless)

    def known_jobs(self) -> Mapping[str, str]:
        return {job.id: job.room for job in self._desk.view() if not job.fake}

    @property
    def registered(self) -> asyncio.Event:
        return self._desk.registered


def make_reconciler(
    settings: Settings,
    app: AppInfo,
    base: Base,
    *,
    api: RoomApi,
    link: Link,
) -> Reconciler | None:
    """None for what has no rooms to look into: a publisher's dispatch may wait for ever."""
    if app.server_type != "room":
        return None
    agent_name = settings.livekit.agent_name or app.agent_name
    host = ReconcileHost(base.desk, base.pool, link)
    reconciler = Reconciler(settings.reconcile, api, agent_name, host, ClaimBook(base.journal))
    base.pool.subscribe(reconciler.poke)
    base.desk.watch(reconciler)
    return reconciler
