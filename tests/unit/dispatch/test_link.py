"""When the link tries again, gives up and says what, on a virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from livekit.protocol import agent

from agentd.dispatch.link import SETTLE_TIME, Link
from agentd.dispatch.load import decide_report
from agentd.errors import LiveKitRefused, LiveKitUnreachable, SettingsError
from agentd.figures import here
from agentd.figures.families import LINK_FAILURES, LINK_REGISTRATIONS
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer
from agentd.settings.model import LiveKitSettings
from agentd.supervision.backoff import Backoff
from agentd.testing.virtual_time import run_virtual
from tests.support.recording_handler import RecordingHandler, running
from tests.support.scripted_connection import ScriptedServer

FOREVER = float("inf")
DOWN = LiveKitUnreachable("down")
REFUSED = LiveKitRefused("refused")
SETTINGS = LiveKitSettings(
    url="ws://host", api_key="devkey", api_secret="s" * 32, max_retry=3, stable_after=10.0
)
JOB = JobId("AJ_1")


class LongestDraw(random.Random):
    """Draws the upper bound, so that pauses are exact: 0.5, 1, 2, 4 ... seconds."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Scene:
    """A link on a scripted server."""

    def __init__(
        self,
        *script: LiveKitUnreachable | LiveKitRefused | float,
        settings: LiveKitSettings = SETTINGS,
        jobs: tuple[JobId, ...] = (),
    ) -> None:
        self.server = ScriptedServer(*script)
        self.handler = RecordingHandler()
        self.link = Link(
            settings,
            AppInfo(agent_name="from-the-app"),
            self.handler,
            running_jobs=lambda: jobs,
            backoff=Backoff(base=0.5, cap=10.0, rng=LongestDraw()),
            dial=self.server.dial,
        )

    def run_for(
        self, seconds: float, play: Callable[[], Awaitable[None]] | None = None
    ) -> list[float]:
        """Run the link so long, with `play` beside it; returns the instants of its attempts."""

        async def scenario() -> None:
            async with running(self.link) as task:
                if play is not None:
                    await play()
                await asyncio.wait([task], timeout=seconds)

        run_virtual(scenario())
        return self.server.attempts_at


def test_pauses_grow_while_the_server_is_down() -> None:
    """Each failed attempt doubles the bound of the next pause."""
    scene = Scene(DOWN, DOWN, FOREVER)

    attempts_at = scene.run_for(60)

    assert attempts_at == [0, 0.5, 1.5]


def test_it_gives_up_after_so_many_attempts_before_the_first_registration() -> None:
    """`max_retry` attempts, then an error that keeps the last reason and says what to check."""
    scene = Scene(DOWN, DOWN, DOWN)

    with pytest.raises(LiveKitUnreachable, match=r"gave up after 3 attempts: down; .* LIVEKIT_URL"):
        run_virtual(scene.link.run())

    assert scene.link.state().phase == "unreachable"


def test_a_refusal_before_the_first_registration_is_final() -> None:
    """A wrong key does not get right by trying."""
    scene = Scene(REFUSED)

    with pytest.raises(LiveKitRefused, match="refused"):
        run_virtual(scene.link.run())

    assert (scene.link.state().phase, scene.link.state().error) == ("refused", "refused")


def test_after_a_registration_it_never_gives_up() -> None:
    """Jobs may be running: neither refusals nor a long outage end it."""
    scene = Scene(1.0, REFUSED, *[DOWN] * 10, FOREVER)

    scene.run_for(300)

    assert len(scene.server.attempts_at) == 13
    assert scene.handler.names() == ["registered", "disconnected"] * 2


def test_a_registration_that_does_not_last_does_not_reset_the_pauses() -> None:
    """A server that accepts and drops us again and again is left in peace."""
    scene = Scene(9.0, 9.0, 9.0, FOREVER)

    attempts_at = scene.run_for(60)

    assert attempts_at == [0, 9.5, 19.5, 30.5]


def test_a_stable_registration_resets_the_pauses() -> None:
    """Once it has lasted `stable_after` seconds, the next loss starts from the base."""
    scene = Scene(9.0, 10.0, 9.0, FOREVER)

    attempts_at = scene.run_for(60)

    assert attempts_at == [0, 9.5, 20, 30]


def test_a_server_that_stops_answering_pings_is_left_within_45_seconds() -> None:
    """The ping at 30 s is answered, the one at 60 s is not: lost at 75 s, then the pause."""
    scene = Scene(FOREVER, FOREVER)

    async def play() -> None:
        await asyncio.sleep(31)
        scene.server.connections[0].answers_pings = False

    attempts_at = scene.run_for(60, play)

    assert attempts_at == [0, 75.5]


def test_a_server_that_never_answered_pings_is_kept() -> None:
    """It may be one that does not know them; a dead socket is noticed otherwise."""
    scene = Scene(FOREVER, FOREVER)

    async def play() -> None:
        await asyncio.sleep(0)
        scene.server.connections[0].answers_pings = False

    attempts_at = scene.run_for(300, play)

    assert attempts_at == [0]


def test_a_send_that_gets_stuck_breaks_the_connection() -> None:
    """Whoever called is not kept waiting, and after 10 s the connection is given up."""
    scene = Scene(FOREVER, FOREVER)

    async def play() -> None:
        await scene.handler.next("registered")
        scene.server.connections[0].takes_messages = False
        scene.link.report_job(JOB, "running")

    attempts_at = scene.run_for(20, play)

    assert attempts_at == [0, 10.5]


def test_the_end_of_a_job_is_said_on_the_next_connection() -> None:
    """A job that ended while the link was away is reported after the next registration."""
    scene = Scene(1.0, FOREVER)

    async def play() -> None:
        await scene.handler.next("disconnected")
        scene.link.report_job(JobId("AJ_2"), "running")
        scene.link.report_job(JOB, "failed", "ValueError: boom")

    scene.run_for(5, play)

    updates = [m.update_job for m in scene.server.connections[1].sent if m.HasField("update_job")]
    assert updates == [
        agent.UpdateJobStatus(job_id=JOB, status=agent.JS_FAILED, error="ValueError: boom")
    ]


def test_the_end_of_a_job_that_has_just_begun_is_said_again() -> None:
    """livekit-server drops what it hears of a job before it has written it down as running."""
    scene = Scene(FOREVER)
    ended: list[int] = []

    async def play() -> None:
        await scene.handler.next("registered")
        connection = scene.server.connections[0]
        connection.tell(agent.ServerMessage(assignment=agent.JobAssignment(job=agent.Job(id=JOB))))
        await scene.handler.next("assignment")
        scene.link.report_job(JOB, "failed", "ValueError: boom")
        for pause in (0.9 * SETTLE_TIME, 0.2 * SETTLE_TIME):
            await asyncio.sleep(pause)
            ended.append(connection.kinds().count("update_job"))

    scene.run_for(1, play)

    assert ended == [1, 2]


def test_an_answer_without_a_connection_is_void() -> None:
    """The caller learns that the offer is gone; nothing is sent later."""
    scene = Scene(1.0, FOREVER)
    sent: list[bool] = []

    async def play() -> None:
        await scene.handler.next("disconnected")
        sent.append(scene.link.send_answer(JOB, JobAnswer(accept=True)))

    scene.run_for(5, play)

    assert sent == [False]
    assert "availability" not in scene.server.connections[1].kinds()


def test_the_last_worker_report_is_repeated_on_each_connection() -> None:
    """A new registration knows nothing of the old one."""
    scene = Scene(1.0, FOREVER)
    scene.link.report_worker(decide_report(1, 4, draining=False))

    scene.run_for(5)

    kinds = [connection.kinds() for connection in scene.server.connections]
    assert kinds == [["register", "ping", "update_worker"]] * 2


def test_a_worker_report_that_says_nothing_new_is_not_sent() -> None:
    """Only a change is worth a message."""
    scene = Scene(FOREVER)

    async def play() -> None:
        await scene.handler.next("registered")
        scene.link.report_worker(decide_report(1, 4, draining=False))
        scene.link.report_worker(decide_report(1, 4, draining=False))
        scene.link.report_worker(decide_report(2, 4, draining=False))

    scene.run_for(1, play)

    counts = [
        m.update_worker.job_count
        for m in scene.server.connections[0].sent
        if m.HasField("update_worker")
    ]
    assert counts == [1, 2]


def test_running_jobs_are_named_after_a_registration() -> None:
    """A server that can migrate jobs learns that ours run on."""
    scene = Scene(FOREVER, jobs=(JOB,))

    scene.run_for(1)

    requests = [
        m.migrate_job for m in scene.server.connections[0].sent if m.HasField("migrate_job")
    ]
    assert [list(request.job_ids) for request in requests] == [[JOB]]


def test_a_name_in_the_settings_goes_over_the_apps() -> None:
    """A flag or the environment decides how this host registers."""
    settings = LiveKitSettings(
        url="ws://host", api_key="devkey", api_secret="s" * 32, agent_name="from-the-settings"
    )
    scene = Scene(FOREVER, settings=settings)

    scene.run_for(1)

    assert scene.server.connections[0].sent[0].register.agent_name == "from-the-settings"


def test_closing_sends_what_waits() -> None:
    """The end of a job that was said just before still goes out."""
    scene = Scene(FOREVER)

    async def play() -> None:
        await scene.handler.next("registered")
        connection = scene.server.connections[0]
        connection.tell(agent.ServerMessage(assignment=agent.JobAssignment(job=agent.Job(id=JOB))))
        await scene.handler.next("assignment")
        scene.link.report_job(JOB, "completed")
        await scene.link.aclose()

    scene.run_for(1, play)

    assert scene.server.connections[0].kinds() == ["register", "ping", *["update_job"] * 2]
    assert scene.link.state().phase == "closed"


def test_closing_during_a_pause_ends_at_once() -> None:
    """A link that waits for its next attempt does not make the daemon wait."""
    scene = Scene(DOWN)

    async def scenario() -> float:
        async with running(scene.link):
            await asyncio.sleep(0.25)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == 0.25


def test_closing_before_run_is_not_lost() -> None:
    """A run() that comes after aclose() returns without an attempt."""
    scene = Scene(FOREVER)

    async def scenario() -> None:
        await scene.link.aclose()
        await scene.link.run()

    run_virtual(scenario())

    assert scene.server.attempts_at == []


def test_settings_that_can_not_work_are_refused_before_anything_starts() -> None:
    """The constructor tells, not the tenth attempt."""
    with pytest.raises(SettingsError, match="LIVEKIT_URL not set"):
        Link(LiveKitSettings(api_key="k", api_secret="s"), AppInfo(), RecordingHandler())


def test_a_fault_in_the_handler_is_not_hidden_as_a_lost_connection() -> None:
    """What is our own mistake comes out of run()."""
    scene = Scene(FOREVER)

    def fail(worker_id: str) -> None:
        raise ZeroDivisionError

    scene.handler.handle_registered = fail  # type: ignore[method-assign]

    with pytest.raises(ZeroDivisionError):
        run_virtual(scene.link.run())


def test_attempts_losses_and_registrations_are_counted() -> None:
    """For who watches the connection."""
    here.take()
    scene = Scene(DOWN, 5.0, FOREVER)

    scene.run_for(60)

    assert here.counts(LINK_FAILURES) == {("attempt",): 1.0, ("lost",): 1.0}
    assert here.counts(LINK_REGISTRATIONS) == {(): 2.0}
