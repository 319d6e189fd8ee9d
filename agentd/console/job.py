"""The job that a console makes up for the app."""

from __future__ import annotations

from livekit.protocol import agent, models

from agentd.app.server import AgentServer
from agentd.app.usererror import one_line, user_traceback
from agentd.errors import AppImportFailed
from agentd.ids import shortuuid
from agentd.job.hooks import run_prewarm
from agentd.job.process import JobProcess
from agentd.job.request import accepting
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAssignment

from .plan import ConsolePlan

ROOM = "console"


def fake_assignment(plan: ConsolePlan) -> JobAssignment:
    """A job in a room that is none, as LiveKit would assign it."""
    job = agent.Job(
        id=shortuuid("AJ_"),
        type=agent.JobType.JT_ROOM,
        room=models.Room(name=ROOM, sid=shortuuid("RM_")),
        agent_name=plan.agent_name,
        metadata=plan.metadata,
    )
    return JobAssignment(
        job_id=JobId(job.id),
        job=job.SerializeToString(),
        room=ROOM,
        url=plan.config.livekit_url,
        token="",
        worker_id="console",
        answer=accepting(job),
        fake=True,
    )


def warm_process(app: AgentServer, plan: ConsolePlan) -> JobProcess:
    """This process, prewarmed; raises AppImportFailed with the user's own frames."""
    process = JobProcess(http_proxy=plan.config.http_proxy or None)
    try:
        run_prewarm(app, process)
    # The border to user code: prewarm may raise anything.
    except (Exception, SystemExit) as error:
        raise AppImportFailed(
            f"the prewarm function failed: {one_line(error)}",
            traceback=user_traceback(error, verbose=plan.verbose),
        ) from error
    return process
