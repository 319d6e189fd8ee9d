"""LiveKit's messages to our data and back."""

from __future__ import annotations

import pytest
from livekit.protocol import agent, models

from agentd.dispatch import messages
from agentd.dispatch.load import WorkerReport
from agentd.errors import FrameMalformed, ProtocolError
from agentd.protocol.app import AppInfo, Permissions
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOffer

JOB = agent.Job(id="AJ_1", room=models.Room(name="lobby"), agent_name="ann", metadata="meta")


def read(message: agent.ServerMessage) -> messages.ServerEvent:
    return messages.read_server_message(message.SerializeToString())


def sent(data: bytes) -> agent.WorkerMessage:
    return agent.WorkerMessage.FromString(data)


def test_a_registration_carries_the_servers_facts() -> None:
    """Worker id, region, version, protocol and node are known afterwards."""
    info = models.ServerInfo(region="eu", version="1.11.0", agent_protocol=1, node_id="ND_1")
    response = agent.RegisterWorkerResponse(worker_id="AW_1", server_info=info)

    event = read(agent.ServerMessage(register=response))

    assert event == messages.Registered(
        worker_id="AW_1", region="eu", version="1.11.0", protocol=1, node_id="ND_1"
    )


def test_an_offer_carries_the_whole_job() -> None:
    """What the child needs of the job travels as bytes."""
    request = agent.AvailabilityRequest(job=JOB, resuming=True)

    event = read(agent.ServerMessage(availability=request))

    offer = JobOffer(
        job_id=JobId("AJ_1"),
        job=JOB.SerializeToString(),
        room="lobby",
        agent_name="ann",
        resuming=True,
    )
    assert event == messages.Offered(offer=offer)


def test_an_assignment_without_an_address_has_an_empty_one() -> None:
    """livekit-server leaves the address out."""
    event = read(agent.ServerMessage(assignment=agent.JobAssignment(job=JOB, token="tok")))

    assert event == messages.Assigned(
        job_id=JobId("AJ_1"), job=JOB.SerializeToString(), room="lobby", url="", token="tok"
    )


@pytest.mark.parametrize(
    "message",
    [
        agent.ServerMessage(),
        agent.ServerMessage(availability=agent.AvailabilityRequest()),
        agent.ServerMessage(assignment=agent.JobAssignment(token="tok")),
        agent.ServerMessage(termination=agent.JobTermination()),
    ],
    ids=["unknown kind", "offer of nothing", "assignment of nothing", "termination of nothing"],
)
def test_a_message_that_says_nothing_is_refused(message: agent.ServerMessage) -> None:
    """A message of an unknown kind, or without a job's id, is an error and not an empty job."""
    with pytest.raises(ProtocolError):
        read(message)


def test_bytes_that_are_no_message_are_malformed() -> None:
    """protobuf's own error does not get out."""
    with pytest.raises(FrameMalformed):
        messages.read_server_message(b"\xff\xff\xff")


def test_the_registration_asks_for_the_apps_permissions_as_an_agent() -> None:
    """Name, deployment, type and permissions are the app's; `agent` is always among them."""
    permissions = Permissions(can_publish=False, hidden=True, can_publish_sources=[2])
    app = AppInfo(server_type="publisher", permissions=permissions)

    request = sent(messages.register_request(app, agent_name="ann", deployment="blue")).register

    assert (request.agent_name, request.deployment) == ("ann", "blue")
    assert request.type == agent.JT_PUBLISHER
    assert request.allowed_permissions == models.ParticipantPermission(
        can_publish=False,
        can_subscribe=True,
        can_publish_data=True,
        can_update_metadata=True,
        can_publish_sources=[models.MICROPHONE],
        hidden=True,
        agent=True,
    )


def test_accepting_says_who_the_agent_will_be() -> None:
    """Name, identity, metadata and attributes of the participant; the agent's name is added."""
    answer = JobAnswer(
        accept=True, name="Ann", identity="ann-1", metadata="m", attributes={"mood": "fine"}
    )

    response = sent(messages.offer_answer(JobId("AJ_1"), answer, agent_name="ann")).availability

    assert response == agent.AvailabilityResponse(
        job_id="AJ_1",
        available=True,
        participant_name="Ann",
        participant_identity="ann-1",
        participant_metadata="m",
        participant_attributes={"mood": "fine", "lk.agent.name": "ann"},
    )


def test_an_agent_without_an_identity_is_named_after_its_job() -> None:
    """The identity is `agent-<job id>` unless the app chose another."""
    data = messages.offer_answer(JobId("AJ_1"), JobAnswer(accept=True), agent_name="")

    assert sent(data).availability.participant_identity == "agent-AJ_1"


@pytest.mark.parametrize("terminate", [True, False])
def test_declining_says_whether_to_ask_another_worker(terminate: bool) -> None:
    """`terminate` means: nobody should take this job."""
    answer = JobAnswer(accept=False, terminate=terminate)

    response = sent(messages.offer_answer(JobId("AJ_1"), answer, agent_name="ann")).availability

    assert response == agent.AvailabilityResponse(job_id="AJ_1", terminate=terminate)


def test_accepting_is_never_terminating() -> None:
    """livekit-server looks at `terminate` first and would end a job that we run."""
    answer = JobAnswer(accept=True, terminate=True)

    response = sent(messages.offer_answer(JobId("AJ_1"), answer, agent_name="ann")).availability

    assert response.available
    assert not response.terminate


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("running", agent.JS_RUNNING),
        ("completed", agent.JS_SUCCESS),
        ("failed", agent.JS_FAILED),
    ],
)
def test_a_job_report_has_its_status_and_error(
    status: messages.JobStatus, expected: agent.JobStatus
) -> None:
    """The error's text goes with it."""
    update = sent(messages.job_report(JobId("AJ_1"), status, "why")).update_job

    assert update == agent.UpdateJobStatus(job_id="AJ_1", status=expected, error="why")


def test_a_very_long_error_is_cut() -> None:
    """The server gets the beginning; our own log has it all."""
    update = sent(messages.job_report(JobId("AJ_1"), "failed", "x" * 5000)).update_job

    assert update.error == "x" * messages.MAX_ERROR_CHARS


def test_a_worker_report_says_available_even_though_that_is_zero() -> None:
    """The status is optional on the wire; the server keeps the old one when it is left out."""
    report = WorkerReport(load=0.5, full=False, job_count=3)

    update = sent(messages.worker_report(report)).update_worker

    assert update.HasField("status")
    assert (update.status, update.load, update.job_count) == (agent.WS_AVAILABLE, 0.5, 3)
