"""Gives the reconciler what it needs of this daemon, and runs it."""

from __future__ import annotations

from collections.abc import Mapping

from agentd.dispatch.desk import JobDesk
from agentd.dispatch.link import Link
from agentd.dispatch.reconcile import Reconciler
from agentd.dispatch.roomapi import RoomApi
from agentd.dispatch.seen import DispatchSeen
from agentd.protocol.app import AppInfo
from agentd.settings.model import Settings
from agentd.supervisor.pool import Pool


class ReconcileHost:
    """This daemon as `agentd.dispatch.look.Host` wants it."""

    def __init__(self, desk: JobDesk, pool: Pool, link: Link) -> None:
        self._desk = desk
        self._pool = pool
        self._link = link

    def free_slots(self) -> int:
        if self._desk.draining or not self._link.connected:
            return 0
        return max(0, self._pool.capacity - self._pool.busy - self._desk.running.homeless)

    def known_jobs(self) -> Mapping[str, str]:
        return {job.id: job.room for job in self._desk.view()}

    def note_claim(self, dispatch: DispatchSeen) -> None:
        """For the journal, once there is one."""

    def note_recreated(self, room: str, old: str, new: str) -> None:
        """For the journal, once there is one."""


async def run_reconciler(
    settings: Settings, app: AppInfo, desk: JobDesk, pool: Pool, link: Link
) -> None:
    """Reconcile until cancelled. Only jobs of rooms: a publisher's dispatch may wait for ever."""
    if app.server_type != "room":
        return
    api = RoomApi(settings.livekit)
    agent_name = settings.livekit.agent_name or app.agent_name
    reconciler = Reconciler(settings.reconcile, api, agent_name, ReconcileHost(desk, pool, link))
    pool.subscribe(reconciler.poke)
    desk.watch(reconciler)
    try:
        await reconciler.run()
    finally:
        await api.aclose()
