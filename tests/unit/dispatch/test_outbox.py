"""What is lost, and in which order, when too much waits for LiveKit."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.dispatch.outbox import Kind, Outbox
from agentd.testing.virtual_time import run_virtual


class Sent:
    """Takes what the outbox gives, as often as asked."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.data: list[bytes] = []

    async def take_all(self) -> list[bytes]:
        while len(self._outbox):
            await self._outbox.send_next(self.take)
        return self.data

    async def take(self, data: bytes) -> None:
        self.data.append(data)


async def test_messages_leave_in_the_order_they_came() -> None:
    """Importance decides what is lost, not what is first."""
    outbox = Outbox()
    outbox.put(Kind.WORKER_REPORT, b"report")
    outbox.put(Kind.JOB_ENDED, b"ended")
    outbox.put(Kind.ANSWER, b"answer")

    sent = await Sent(outbox).take_all()

    assert sent == [b"report", b"ended", b"answer"]


async def test_a_full_queue_loses_the_oldest_worker_report_first() -> None:
    """The newer report says it all again."""
    outbox = Outbox(limit=3)
    outbox.put(Kind.ANSWER, b"answer")
    outbox.put(Kind.WORKER_REPORT, b"old report")
    outbox.put(Kind.WORKER_REPORT, b"new report")

    outbox.put(Kind.JOB_RUNNING, b"running")

    assert await Sent(outbox).take_all() == [b"answer", b"new report", b"running"]
    assert outbox.dropped == 1


async def test_the_end_of_a_job_outlasts_everything_else() -> None:
    """However much is put after it, a job's end stays."""
    outbox = Outbox(limit=2)
    outbox.put(Kind.JOB_ENDED, b"ended")
    outbox.put(Kind.ANSWER, b"one")
    outbox.put(Kind.ANSWER, b"two")
    outbox.put(Kind.PING, b"ping")

    assert await Sent(outbox).take_all() == [b"ended", b"two"]
    assert outbox.dropped == 2


async def test_even_the_ends_of_jobs_are_bounded() -> None:
    """With nothing else to lose the oldest end goes."""
    outbox = Outbox(limit=2)
    outbox.put(Kind.JOB_ENDED, b"1")
    outbox.put(Kind.JOB_ENDED, b"2")
    outbox.put(Kind.JOB_ENDED, b"3")

    assert await Sent(outbox).take_all() == [b"2", b"3"]


def test_a_message_with_a_delay_joins_the_others_later() -> None:
    """Until then it counts as waiting; a connection that ends meanwhile takes nothing from it."""

    async def scenario() -> list[object]:
        outbox = Outbox()
        outbox.put(Kind.JOB_ENDED, b"later", delay=2.0)
        outbox.put(Kind.ANSWER, b"now")
        outbox.keep_only(Kind.JOB_ENDED)
        waiting = len(outbox)
        sent = await Sent(outbox).take_all()
        await outbox.wait_empty()
        return [waiting, sent, now()]

    assert run_virtual(scenario()) == [1, [b"later"], 2.0]


async def test_more_delays_than_the_limit_are_not_waited_for() -> None:
    """A bounded number of messages is put off."""
    outbox = Outbox(limit=1)
    outbox.put(Kind.JOB_ENDED, b"first", delay=3600.0)
    outbox.put(Kind.JOB_ENDED, b"second", delay=3600.0)
    sent = Sent(outbox)

    await outbox.send_next(sent.take)

    assert (sent.data, len(outbox)) == ([b"second"], 1)


async def test_a_message_that_failed_to_go_out_is_first_in_line_again() -> None:
    """A broken connection costs no message by itself."""
    outbox = Outbox()
    outbox.put(Kind.JOB_ENDED, b"first")
    outbox.put(Kind.JOB_ENDED, b"second")

    async def fail(data: bytes) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await outbox.send_next(fail)

    assert await Sent(outbox).take_all() == [b"first", b"second"]


async def test_only_the_ends_of_jobs_survive_a_connection() -> None:
    """What meant something on one connection only is forgotten with it."""
    outbox = Outbox()
    outbox.put(Kind.ANSWER, b"answer")
    outbox.put(Kind.JOB_ENDED, b"ended")
    outbox.put(Kind.WORKER_REPORT, b"report")

    outbox.keep_only(Kind.JOB_ENDED)

    assert await Sent(outbox).take_all() == [b"ended"]


async def test_it_is_empty_only_when_the_last_message_is_out() -> None:
    """A message that is being sent still counts as waiting."""
    outbox = Outbox()
    outbox.put(Kind.ANSWER, b"answer")
    sending, go_on = asyncio.Event(), asyncio.Event()

    async def send_slowly(data: bytes) -> None:
        sending.set()
        await go_on.wait()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(outbox.send_next(send_slowly))
        empty = tasks.create_task(outbox.wait_empty())
        await sending.wait()
        was_empty = empty.done()
        go_on.set()

    assert not was_empty
    assert empty.done()
