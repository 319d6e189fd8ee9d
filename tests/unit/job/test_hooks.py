"""Prewarm, and the answer to an offer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agentd.app.server import AgentServer
from agentd.errors import AppError, JobError
from agentd.job.hooks import answer_offer, run_prewarm
from agentd.job.process import JobProcess
from agentd.job.request import JobRequest
from agentd.protocol.job import JobAnswer, JobOffer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def entrypoint(ctx: Any) -> None:
    """Does nothing."""


def app_that_answers(on_request: Callable[[JobRequest], Awaitable[None]] | None) -> AgentServer:
    app = AgentServer()
    app.rtc_session(entrypoint, on_request=on_request)
    return app


async def test_app_without_on_request_accepts(offer: JobOffer, process: JobProcess) -> None:
    """With LiveKit's customary identity and attribute."""
    answer = await answer_offer(app_that_answers(None), offer, process)

    assert answer == JobAnswer(
        accept=True, identity="agent-AJ_1", attributes={"lk.agent.name": "parrot"}
    )


async def test_accept_carries_what_the_user_gave(offer: JobOffer, process: JobProcess) -> None:
    """Name, identity, metadata and attributes; the agent's name is added."""

    async def on_request(request: JobRequest) -> None:
        await request.accept(
            name="Polly", identity="polly", metadata="grey", attributes={"mood": "good"}
        )

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer == JobAnswer(
        accept=True,
        name="Polly",
        identity="polly",
        metadata="grey",
        attributes={"mood": "good", "lk.agent.name": "parrot"},
    )


async def test_accept_sets_how_often_the_job_is_resumed(
    offer: JobOffer, process: JobProcess
) -> None:
    """Without a word of the user's, the daemon's settings hold."""

    async def on_request(request: JobRequest) -> None:
        await request.accept(max_resumes=0, resume_period=30)

    given = await answer_offer(app_that_answers(on_request), offer, process)
    default = await answer_offer(app_that_answers(None), offer, process)

    assert (given.max_resumes, given.resume_period) == (0, 30)
    assert (default.max_resumes, default.resume_period) == (None, None)


@pytest.mark.parametrize("wrong", [{"max_resumes": -1}, {"resume_period": -0.5}])
async def test_accept_with_a_number_below_0_declines(
    offer: JobOffer, process: JobProcess, wrong: dict[str, Any]
) -> None:
    """The user's mistake is logged and told, and nothing was answered by it."""

    async def on_request(request: JobRequest) -> None:
        await request.accept(**wrong)

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert not answer.accept
    assert "can't be below 0" in answer.reason


@pytest.mark.parametrize("terminate", [True, False])
async def test_reject_says_whether_to_ask_others(
    offer: JobOffer, process: JobProcess, terminate: bool
) -> None:
    """`terminate` reaches LiveKit."""

    async def on_request(request: JobRequest) -> None:
        await request.reject(terminate=terminate)

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert (answer.accept, answer.terminate) == (False, terminate)


async def test_reject_terminates_by_default(offer: JobOffer, process: JobProcess) -> None:
    """As in livekit-agents."""

    async def on_request(request: JobRequest) -> None:
        await request.reject()

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer.terminate


async def test_request_shows_the_job(offer: JobOffer, process: JobProcess) -> None:
    """A decision needs the room, the name and the metadata."""
    seen: list[object] = []

    async def on_request(request: JobRequest) -> None:
        seen.extend([request.id, request.room.name, request.agent_name, request.publisher])
        seen.append(request.job.metadata)
        await request.accept()

    await answer_offer(app_that_answers(on_request), offer, process)

    assert seen == ["AJ_1", "kitchen", "parrot", None, "from the dispatch"]


async def test_no_answer_declines_and_leaves_the_job_to_others(
    offer: JobOffer, process: JobProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """The user forgot to answer: that is logged."""

    async def on_request(request: JobRequest) -> None:
        """Forgets to answer."""

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer == JobAnswer(accept=False, terminate=False, reason="on_request gave no answer")
    assert "offer_unanswered" in [getattr(r, "action", "") for r in caplog.records]


async def test_raising_on_request_declines_and_leaves_the_job_to_others(
    offer: JobOffer, process: JobProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged and becomes the reason."""

    async def on_request(request: JobRequest) -> None:
        raise LookupError("no such tenant")

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer == JobAnswer(
        accept=False, terminate=False, reason="on_request raised LookupError: no such tenant"
    )
    assert "on_request_failed" in [getattr(r, "action", "") for r in caplog.records]


async def test_answer_is_given_at_once_and_the_function_goes_on(
    offer: JobOffer, process: JobProcess
) -> None:
    """What the user does after accepting delays no caller."""
    may_go_on, went_on = asyncio.Event(), asyncio.Event()

    async def on_request(request: JobRequest) -> None:
        await request.accept()
        await may_go_on.wait()
        went_on.set()

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer.accept
    assert not went_on.is_set()
    may_go_on.set()
    async with asyncio.timeout(20):
        await went_on.wait()


async def test_second_answer_raises(offer: JobOffer, process: JobProcess) -> None:
    """And the first one stands."""
    raised = asyncio.Event()

    async def on_request(request: JobRequest) -> None:
        await request.accept()
        with pytest.raises(JobError, match="AJ_1"):
            await request.reject()
        raised.set()

    answer = await answer_offer(app_that_answers(on_request), offer, process)

    assert answer.accept
    assert raised.is_set()


async def test_cancelled_offer_cancels_the_users_function(
    offer: JobOffer, process: JobProcess
) -> None:
    """An offer that LiveKit no longer waits for leaves nothing running."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def on_request(request: JobRequest) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    answering = asyncio.ensure_future(answer_offer(app_that_answers(on_request), offer, process))
    await asked.wait()
    answering.cancel()

    async with asyncio.timeout(20):
        await cancelled.wait()


def test_prewarm_fills_the_process(process: JobProcess) -> None:
    """The job finds there what prewarm has put there."""

    def prewarm(proc: JobProcess) -> None:
        proc.userdata["vad"] = "loaded"

    run_prewarm(AgentServer(setup_fnc=prewarm), process)

    assert process.userdata == {"vad": "loaded"}


def test_app_without_prewarm_is_fine(process: JobProcess) -> None:
    """Many apps have none."""
    run_prewarm(AgentServer(), process)


def test_errors_of_prewarm_come_out(process: JobProcess) -> None:
    """The child reports them and ends."""

    def prewarm(proc: JobProcess) -> None:
        raise OSError("no model file")

    with pytest.raises(OSError, match="no model file"):
        run_prewarm(AgentServer(setup_fnc=prewarm), process)


def test_coroutine_function_as_prewarm_is_refused(process: JobProcess) -> None:
    """It would never run, and so says so."""

    async def prewarm(proc: JobProcess) -> None:
        """Never runs."""

    with pytest.raises(AppError, match="prewarm"):
        run_prewarm(AgentServer(setup_fnc=prewarm), process)
