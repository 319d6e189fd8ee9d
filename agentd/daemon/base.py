"""What is there before the app is known: the journal, the pool, the desk.

They come first so that the calls of an earlier daemon are adopted while the template still
imports the app, which may take seconds. What the app has to say about them comes after.
"""

from __future__ import annotations

from agentd.dispatch.desk import JobDesk
from agentd.dispatch.jobs import Job
from agentd.dispatch.restore import Restorer
from agentd.dispatch.simulating import Simulations
from agentd.journal.journal import FILE_NAME, Journal
from agentd.protocol.ids import ChildId
from agentd.settings.model import Settings
from agentd.settings.paths import Directories
from agentd.supervisor.guards import Guards
from agentd.supervisor.output import RecordSink
from agentd.supervisor.pool import Pool
from agentd.supervisor.postmortem import PostMortem
from agentd.supervisor.process import Reaper

from .configure import child_spec


class Base:
    """The parts that need no app."""

    def __init__(
        self, settings: Settings, directories: Directories, reaper: Reaper, sink: RecordSink
    ) -> None:
        self.directories = directories
        self.socket_path = directories.socket_path
        self.control_path = directories.control_path
        self.journal = Journal(directories.state.path / FILE_NAME, settings.journal)
        self.pool = Pool(settings.pool, child_spec(settings), reaper, sink)
        self.pool.roster.on_post_mortem = self._keep_post_mortem
        self.guards = Guards(settings.admission)
        self.desk = JobDesk(
            settings.jobs,
            settings.livekit,
            self.pool,
            self.journal,
            ask_app=False,
            guards=self.guards,
        )
        self.restorer = Restorer(self.desk.book, self.desk.running, self.pool.roster)
        self.simulations = Simulations(self.desk, self.desk.running.stop)
        self.orphans: list[Job] = []
        """Jobs of an earlier daemon whose process is dead; they wait for the template."""

    def settle(self, settings: Settings, *, ask_app: bool) -> None:
        """The app is known, and with it the settings that count."""
        self.pool.settle(settings.pool, child_spec(settings))
        self.desk.settle(settings.jobs, settings.livekit, ask_app=ask_app)

    def _keep_post_mortem(self, record: PostMortem) -> None:
        self.journal.record_post_mortem(
            ChildId(record.child),
            record.text,
            job=record.job,
            pid=record.pid,
            fields=record.fields(),
        )
