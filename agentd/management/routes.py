"""The management API as data: each route once, for those who serve it and for its document.

The control socket and the HTTP port mount the same table (`mounting.py`), and the OpenAPI
document is made from it (`openapi.py`). A route is answered by the method of `ControlApi` that has
its name; a test holds that method's annotations to what the table says.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from agentd.supervision.view import TreeView

from .operations import (
    ConfigView,
    DispatchRequest,
    DispatchView,
    LogLevelRequest,
    LogLevelView,
    ResumeRequest,
    SimulateRequest,
    SimulationView,
    StacksRequest,
    StacksView,
    UndrainRequest,
)
from .views import (
    Accepted,
    ChildList,
    DrainRequest,
    DrainView,
    EventPage,
    JobDetails,
    JobPage,
    JobsQuery,
    PostMortemPage,
    RecordsQuery,
    ReloadRequest,
    StatusView,
    StopRequest,
)

PREFIX = "/api/v1"

STREAM = "application/x-ndjson"
"""What a client accepts that wants to be told of each change."""

_IN_BRACES = re.compile(r"\{(\w+)\}")


class Route(Struct, frozen=True, kw_only=True):
    """One thing that can be asked."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    """Below `PREFIX`; `{job_id}` in it is given to the handler under that name."""
    name: str
    """The handler's, and the operation's in the document."""
    summary: str
    query: type[Struct] | None = None
    """Its fields are the parameters after the question mark; the handler's `query`."""
    body: type[Struct] | None = None
    """What is sent as JSON; the handler's `body`."""
    answer: type[Struct]
    status: int = 200
    """Of the answer, when it went well."""
    stream: str = ""
    """The handler for those who accept `STREAM`: a line of JSON for each change. It gets the whole
    request, and has deadlines of its own."""

    @property
    def steers(self) -> bool:
        """Whether it changes something: over TCP only a token allows that."""
        return self.method != "GET"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of what the path has in braces."""
        return tuple(_IN_BRACES.findall(self.path))


ROUTES: tuple[Route, ...] = (
    # -- looking -----------------------------------------------------------------------
    Route(
        method="GET",
        path="/status",
        name="get_status",
        summary="The daemon at this moment.",
        answer=StatusView,
    ),
    Route(
        method="GET",
        path="/tree",
        name="get_tree",
        summary="Its supervision tree at this moment.",
        answer=TreeView,
    ),
    Route(
        method="GET",
        path="/jobs",
        name="get_jobs",
        summary="Jobs that the journal has, newest first.",
        query=JobsQuery,
        answer=JobPage,
    ),
    Route(
        method="GET",
        path="/jobs/{job_id}",
        name="get_job",
        summary="One job, with what happened to it.",
        answer=JobDetails,
    ),
    Route(
        method="GET",
        path="/children",
        name="get_children",
        summary="The children at this moment, by slot.",
        answer=ChildList,
    ),
    Route(
        method="GET",
        path="/events",
        name="get_events",
        summary="What has happened, newest first.",
        query=RecordsQuery,
        answer=EventPage,
    ),
    Route(
        method="GET",
        path="/post_mortems",
        name="get_post_mortems",
        summary="Why children ended that should not have, newest first.",
        query=RecordsQuery,
        answer=PostMortemPage,
    ),
    Route(
        method="GET",
        path="/config",
        name="get_config",
        summary="The settings in force and where each came from, secrets masked.",
        answer=ConfigView,
    ),
    Route(
        method="GET",
        path="/drain",
        name="get_drain",
        summary="How far a drain has come.",
        answer=DrainView,
        stream="watch_drain",
    ),
    # -- steering ----------------------------------------------------------------------
    Route(
        method="POST",
        path="/drain",
        name="drain",
        summary="Take no new job, let those that run end, then end the daemon.",
        body=DrainRequest,
        answer=Accepted,
        status=202,
    ),
    Route(
        method="POST",
        path="/undrain",
        name="undrain",
        summary="Take a drain back that was asked for by a request, while jobs are left.",
        body=UndrainRequest,
        answer=Accepted,
        status=202,
    ),
    Route(
        method="POST",
        path="/reload",
        name="reload",
        summary="Import the app anew, for new jobs or for those that run too.",
        body=ReloadRequest,
        answer=Accepted,
        status=202,
    ),
    Route(
        method="POST",
        path="/jobs/{job_id}/stop",
        name="stop_job",
        summary="Ask a running job to shut down within its budgets.",
        body=StopRequest,
        answer=Accepted,
        status=202,
    ),
    Route(
        method="POST",
        path="/jobs/{job_id}/resume",
        name="resume_job",
        summary="Move a running job into another child, mid-call.",
        body=ResumeRequest,
        answer=Accepted,
        status=202,
    ),
    Route(
        method="POST",
        path="/dispatch",
        name="dispatch",
        summary="Have LiveKit send an agent to a room.",
        body=DispatchRequest,
        answer=DispatchView,
        status=201,
    ),
    Route(
        method="POST",
        path="/simulate",
        name="simulate",
        summary="Run a job without LiveKit, for a limited time.",
        body=SimulateRequest,
        answer=SimulationView,
        status=202,
    ),
    Route(
        method="PUT",
        path="/log_level",
        name="set_log_level",
        summary="Write this much from now on, children too.",
        body=LogLevelRequest,
        answer=LogLevelView,
    ),
    Route(
        method="POST",
        path="/stacks",
        name="take_stacks",
        summary="Stacks of the supervisor and its children, or of one of them.",
        body=StacksRequest,
        answer=StacksView,
    ),
)
"""All of the API, in the order of its document."""
