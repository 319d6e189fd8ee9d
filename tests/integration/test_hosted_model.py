"""The client of the model host, against hosts that die, lie, dawdle and flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agentd.errors import ModelError, ModelNotHosted
from agentd.models import connection, hosted, link
from agentd.models.hosted import HostedModel
from agentd.protocol.frames import MAX_FRAME_BYTES, PROTOCOL_VERSION
from agentd.protocol.model_frames import ModelAnswer, ModelCancel, ModelFailure, ModelPart
from tests.support.changes import Changes
from tests.support.made_host import KEY, Visit, made_host

TOO_LONG = 0.05
"""Seconds, where a test waits for a deadline to pass."""


@pytest.fixture
def socket(workdir: Path) -> Path:
    """Where the host listens."""
    return workdir / "m"


@pytest.fixture
def model(socket: Path) -> Iterator[HostedModel]:
    """The model of a made host."""
    made = HostedModel(KEY, str(socket))
    yield made
    made.close()


@pytest.fixture
def changes() -> Iterator[Changes]:
    """What was logged."""
    with Changes() as made:
        yield made


async def all_of(parts: AsyncIterator[bytes]) -> list[bytes]:
    """What is left of an answer."""
    return [part async for part in parts]


async def test_answers_find_their_calls_in_any_order(socket: Path, model: HostedModel) -> None:
    """Many at once over one connection."""

    async def last_first(visit: Visit) -> None:
        await visit.greet()
        calls = [await visit.call() for _ in range(3)]
        for call in reversed(calls):
            visit.answer(call, call.request * 2)
        await visit.stream.receive()

    async with made_host(socket, last_first):
        answers = await asyncio.gather(*(model.run(word) for word in (b"a", b"b", b"c")))

    assert answers == [b"aa", b"bb", b"cc"]


async def test_all_models_of_a_process_share_a_connection(socket: Path, model: HostedModel) -> None:
    """It ends when the last of them is closed."""
    other = HostedModel(KEY, str(socket))
    async with made_host(socket, Visit.echo) as host:
        await model.run(b"a")
        await other.run(b"b")
        model.close()
        assert await other.run(b"c") == b"c"
        other.close()
        await host.ended.receive()

    assert len(host.visits) == 1


async def test_all_calls_of_a_lost_host_are_made_again_at_once(
    socket: Path, model: HostedModel
) -> None:
    """None waits for its own deadline; the next host answers them all."""

    async def take_three_and_die(visit: Visit) -> None:
        await visit.greet()
        for _ in range(3):
            await visit.call()

    async with made_host(socket, take_three_and_die, Visit.echo) as host:
        answers = await asyncio.gather(*(model.run(word) for word in (b"a", b"b", b"c")))

    assert answers == [b"a", b"b", b"c"]
    assert len(host.visits) == 2


async def test_a_host_that_sends_rubbish_is_left_for_the_next(
    socket: Path, model: HostedModel, changes: Changes
) -> None:
    """One line says so, and the call is answered."""

    async def send_rubbish(visit: Visit) -> None:
        await visit.greet()
        await visit.call()
        visit.send_rubbish()
        await visit.stream.receive()

    async with made_host(socket, send_rubbish, Visit.echo):
        assert await model.run(b"a") == b"a"

    assert len(changes.actions("bad_frame")) == 1


async def test_a_host_that_greets_wrongly_is_called_again(socket: Path, model: HostedModel) -> None:
    """Something else listened there, or a host that was about to die."""

    async def answer_unasked(visit: Visit) -> None:
        visit.stream.send_nowait(ModelAnswer(call=1))
        await visit.stream.receive()

    async def hang_up(visit: Visit) -> None:
        visit.stream.close()

    async with made_host(socket, answer_unasked, hang_up, Visit.echo) as host:
        assert await model.run(b"a") == b"a"

    assert len(host.visits) == 3


async def test_a_host_that_never_greets_is_given_up(
    socket: Path, model: HostedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time, and the error says what was waited for."""
    monkeypatch.setattr(link, "HOST_TIMEOUT", TOO_LONG)

    async def say_nothing(visit: Visit) -> None:
        while True:
            await visit.stream.receive()

    async with made_host(socket, say_nothing):
        with pytest.raises(ModelError, match="within 0.05 s: it did not answer") as error:
            await model.run(b"a")

    assert error.value.retryable


async def test_a_slow_call_is_given_up_and_the_host_is_told(
    socket: Path, model: HostedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it does not compute for nobody."""
    monkeypatch.setattr(hosted, "CALL_TIMEOUT", TOO_LONG)
    cancelled = asyncio.get_running_loop().create_future()

    async def dawdle(visit: Visit) -> None:
        await visit.greet()
        call = await visit.call()
        cancelled.set_result((call.call, await visit.stream.receive()))

    async with made_host(socket, dawdle):
        with pytest.raises(ModelError, match="did not answer within 0.05 s") as error:
            await model.run(b"a")
        number, frame = await cancelled

    assert frame == ModelCancel(call=number)
    assert error.value.retryable


async def test_who_is_cancelled_tells_the_host(socket: Path, model: HostedModel) -> None:
    """The connection goes on with other calls."""
    taken = asyncio.Event()

    async def take_two(visit: Visit) -> None:
        await visit.greet()
        first = await visit.call()
        taken.set()
        assert await visit.stream.receive() == ModelCancel(call=first.call)
        visit.answer(first, b"too late")
        second = await visit.call()
        visit.answer(second, second.request)
        await visit.stream.receive()

    async with made_host(socket, take_two) as host:
        call = asyncio.create_task(model.run(b"a"))
        await taken.wait()
        call.cancel()
        await asyncio.wait({call})
        assert await model.run(b"b") == b"b"

    assert len(host.visits) == 1


async def test_a_failure_has_the_text_and_the_kind_of_its_error(
    socket: Path, model: HostedModel
) -> None:
    """As if the model were in this process."""

    async def fail(visit: Visit) -> None:
        await visit.greet()
        call = await visit.call()
        visit.stream.send_nowait(
            ModelFailure(call=call.call, error="gone", code="model_not_hosted", retryable=True)
        )
        await visit.stream.receive()

    async with made_host(socket, fail):
        with pytest.raises(ModelNotHosted, match="^gone$") as error:
            await model.run(b"a")

    assert error.value.retryable


async def test_a_host_of_another_version_is_as_good_as_none(
    socket: Path, model: HostedModel
) -> None:
    """At once: it is not waited for, and the model is loaded elsewhere."""

    async def greet_from_the_future(visit: Visit) -> None:
        await visit.greet(PROTOCOL_VERSION + 1)
        await visit.stream.receive()

    async with made_host(socket, greet_from_the_future) as host:
        with pytest.raises(ModelNotHosted, match="speaks frame protocol"):
            await model.run(b"a")

    assert len(host.visits) == 1


async def test_a_request_over_the_limit_is_refused_here(socket: Path, model: HostedModel) -> None:
    """The connection is none the worse for it."""
    async with made_host(socket, Visit.echo) as host:
        with pytest.raises(ModelError, match="too large for the model host"):
            await model.run(bytes(MAX_FRAME_BYTES))
        assert await model.run(b"a") == b"a"

    assert len(host.visits) == 1


async def test_an_answer_that_nobody_takes_is_bounded(
    socket: Path, model: HostedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is far quicker than who listens fills no memory."""
    monkeypatch.setattr(connection, "MAX_PARTS", 4)

    async def flood(visit: Visit) -> None:
        await visit.greet()
        call = await visit.call()
        for _ in range(20):
            visit.stream.send_nowait(ModelPart(call=call.call, data=b"x"))
        other = await visit.stream.receive()
        assert other == ModelCancel(call=call.call)
        again = await visit.call()
        visit.answer(again, again.request)
        await visit.stream.receive()

    async with made_host(socket, flood):
        parts = model.stream(b"a")
        assert await anext(parts) == b"x"
        assert await model.run(b"b") == b"b"
        with pytest.raises(ModelError, match="quicker than they were taken"):
            await all_of(parts)


async def test_a_closed_model_is_refused(socket: Path, model: HostedModel) -> None:
    """Nobody is called for it."""
    async with made_host(socket, Visit.echo) as host:
        model.close()
        with pytest.raises(ModelError, match=f"{KEY} is closed"):
            await model.run(b"a")

    assert host.visits == []


async def test_a_call_fails_when_its_model_is_closed(socket: Path, model: HostedModel) -> None:
    """It is not made again: a session that ends does not wait."""
    taken = asyncio.Event()

    async def take(visit: Visit) -> None:
        await visit.greet()
        await visit.call()
        taken.set()
        await visit.stream.receive()

    async with made_host(socket, take):
        call = asyncio.create_task(model.run(b"a"))
        await taken.wait()
        model.close()
        with pytest.raises(ModelError, match="is closed"):
            await call
