"""The model host as a process: it answers, dies, is replaced, and costs nobody a call."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from agentd.errors import ModelBusy, ModelError, ModelHostError
from agentd.modelhost.loaded import MAX_WAITING
from agentd.models import LocalModel, ModelRef, link, local_model
from agentd.protocol.codec import FrameDecoder, encode
from agentd.protocol.frames import PROTOCOL_VERSION
from agentd.protocol.model_frames import FromModelHost, HostHello, ModelHello
from agentd.settings.load import MODEL_HOST_VARIABLE
from agentd.supervisor import modelhost
from tests.support.changes import DEADLINE, Changes
from tests.support.model_host import Hosting, hosting
from tests.support.subreaper import is_gone
from tests.support.toy_model import Gate, toy


@pytest.fixture
def socket(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host listens, and this process looks for it."""
    path = workdir / "models.sock"
    monkeypatch.setenv(MODEL_HOST_VARIABLE, str(path))
    return path


@contextmanager
def using(ref: ModelRef) -> Iterator[LocalModel]:
    """A model as a plugin has it."""
    model = local_model(ref)
    try:
        yield model
    finally:
        model.close()


async def test_a_call_is_answered_by_the_host(socket: Path, changes: Changes) -> None:
    """Not in the process that asks."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            assert await model.run(b"pid") == str(host.pids[0]).encode()


async def test_a_call_outlives_the_host_that_had_it(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """It is made again with the next one, and whoever waits for it only waits longer."""
    gate = Gate(workdir / "gate")
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            call = asyncio.create_task(model.run(gate.order))
            await gate.somebody_came()
            host.kill()
            await gate.somebody_came()
            await gate.let_go()

            assert await call == str(host.pids[1]).encode()
    assert host.pids[0] != host.pids[1]


async def test_a_stream_comes_in_parts(socket: Path, changes: Changes) -> None:
    """More of them than may be on their way at once."""
    async with hosting(socket, toy(), changes=changes):
        with using(toy()) as model:
            parts = [part async for part in model.stream(b"count 100")]

    assert parts == [str(number).encode() for number in range(100)]


async def test_a_stream_that_had_begun_is_not_made_again(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """What was heard of it would be heard twice."""
    order = Gate(workdir / "gate").order.replace(b"wait", b"pause")
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            parts = model.stream(order)
            assert await anext(parts) == b"0"
            host.kill()
            with pytest.raises(ModelError, match="in the midst of an answer") as error:
                await anext(parts)

    assert error.value.retryable


async def test_a_stream_that_nobody_takes_any_more_is_stopped(
    socket: Path, changes: Changes
) -> None:
    """The copy of the model is there for the next call, although much was to come."""
    async with hosting(socket, toy(), changes=changes):
        with using(toy()) as model:
            parts = model.stream(b"count 1000000000")
            assert await anext(parts) == b"0"
            await parts.aclose()

            assert await model.run(b"echo next") == b"next"


async def test_a_call_that_kills_hosts_is_given_up(socket: Path, changes: Changes) -> None:
    """Or the calls of all others would die with it again and again."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            with pytest.raises(ModelError, match="3 model hosts died while they had this call"):
                await model.run(b"crash")

            assert await model.run(b"echo still here") == b"still here"
    assert len(host.pids) == 4


@pytest.mark.parametrize(
    ("order", "text", "retryable"),
    [
        (b"fail no such word", "^no such word$", True),
        (b"raise", "^RuntimeError: a bug of the model$", False),
        (b"much 5000000", "^the answer is too large", False),
    ],
)
async def test_an_error_of_the_model_arrives_with_its_text(
    socket: Path, changes: Changes, order: bytes, text: str, retryable: bool
) -> None:
    """Whether it was raised on purpose or not; the host lives on."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            with pytest.raises(ModelError, match=text) as error:
                await model.run(order)

            assert await model.run(b"pid") == str(host.pids[0]).encode()
    assert error.value.retryable is retryable


async def test_copies_of_a_model_answer_side_by_side(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """As many calls at once as the ref has threads, whoever makes them."""
    gates = [Gate(workdir / name) for name in ("first", "second")]
    async with hosting(socket, toy(threads=2), changes=changes):
        with using(toy()) as one, using(toy()) as other:
            calls = [
                asyncio.create_task(model.run(gate.order))
                for model, gate in zip((one, other), gates, strict=True)
            ]
            for gate in gates:
                await gate.somebody_came()
            for gate in gates:
                await gate.let_go()

            assert len(await asyncio.gather(*calls)) == 2


async def test_a_queue_that_is_full_refuses_at_once(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """Those that wait already are answered all the same."""
    gate = Gate(workdir / "gate")
    async with hosting(socket, toy(), changes=changes), asyncio.TaskGroup() as tasks:
        with using(toy()) as model:
            first = tasks.create_task(model.run(gate.order))
            await gate.somebody_came()
            waiting = [tasks.create_task(model.run(b"echo x")) for _ in range(MAX_WAITING)]
            await asyncio.sleep(0)  # they are sent, before the next one
            with pytest.raises(ModelBusy, match="'toy' has 32 calls waiting") as error:
                await model.run(b"echo y")
            await gate.let_go()

            assert [await each for each in waiting] == [b"x"] * MAX_WAITING
            await first
    assert error.value.retryable


async def test_a_cancelled_call_leaves_the_queue(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """Its turn goes to the next."""
    gate, never = Gate(workdir / "gate"), Gate(workdir / "never")
    async with hosting(socket, toy(), changes=changes), asyncio.TaskGroup() as tasks:
        with using(toy()) as model:
            first = tasks.create_task(model.run(gate.order))
            await gate.somebody_came()
            unwanted = tasks.create_task(model.run(never.order))
            await asyncio.sleep(0)
            unwanted.cancel()
            last = tasks.create_task(model.run(b"echo last"))
            await gate.let_go()

            assert await last == b"last"
            await first


async def test_a_model_that_hangs_is_replaced_with_its_host(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """Also where nobody waits for its answer any more: its thread would be lost for all."""
    gate = Gate(workdir / "gate")
    async with hosting(socket, toy(), changes=changes, hung_after=0.5) as host:
        with using(toy()) as model:
            call = asyncio.create_task(model.run(gate.order))
            await gate.somebody_came()
            call.cancel()

            assert int(await model.run(b"pid")) in host.pids[1:]
    fields = [frame.fields for frame, _ in host.sink.records]
    assert "toy" in [each["model"] for each in fields if each.get("action") == "model_hung"]
    assert any("in wait_at" in line for line, _ in host.sink.lines)  # where it hangs


async def test_a_host_that_is_stopped_is_replaced(
    socket: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would never end by itself, and all calls would wait for their deadlines."""
    monkeypatch.setattr(modelhost, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(modelhost, "PONG_TIMEOUT", 1.0)
    async with hosting(socket, toy(), changes=changes) as host:
        os.kill(host.pids[0], signal.SIGSTOP)
        with using(toy()) as model:
            assert int(await model.run(b"pid")) in host.pids[1:]

    assert "has not answered a ping for 1 s" in str(changes.reasons("models_died"))


async def test_two_processes_are_answered_at_once(
    socket: Path, changes: Changes, workdir: Path
) -> None:
    """By one copy of the model, and each gets its own answers: of 30 calls, as its queue holds."""
    code = (
        "import asyncio\n"
        "from agentd.models import local_model\n"
        "from tests.support.toy_model import toy\n"
        "async def main(name):\n"
        "    model = local_model(toy())\n"
        "    calls = [model.run(f'echo {name}{n}'.encode()) for n in range(15)]\n"
        "    print(b' '.join(await asyncio.gather(*calls)).decode())\n"
        "import sys; asyncio.run(main(sys.argv[1]))\n"
    )
    async with hosting(socket, toy(), changes=changes):
        ran = await asyncio.gather(*(run_code(code, name) for name in "ab"))

    assert ran == [" ".join(f"{name}{number}" for number in range(15)) for name in "ab"]


async def test_a_bad_client_costs_nobody_else_anything(socket: Path, changes: Changes) -> None:
    """Its connection is closed, and one line says why."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            assert await model.run(b"echo before") == b"before"
            for rubbish in (b"\x00\x00\x00\x02\xc1\xc1", b"\xff\xff\xff\xff", HELLO + HELLO):
                await said_to(socket, rubbish)
            await host.until(lambda: len(refusals(host)) == 3)

            assert await model.run(b"pid") == str(host.pids[0]).encode()
    reasons = refusals(host)
    assert "could not be read" in reasons[0]
    assert "over the limit" in reasons[1]
    assert reasons[2] == "a second ModelHello frame"


async def test_a_client_of_another_version_is_told(socket: Path, changes: Changes) -> None:
    """It hears which one this host speaks, and can say so."""
    hello = bytes(encode(ModelHello(version=PROTOCOL_VERSION + 1, pid=1)))
    async with hosting(socket, toy(), changes=changes) as host:
        heard = await said_to(socket, hello)
        await host.until(lambda: bool(refusals(host)))

    (answer,) = FrameDecoder[FromModelHost](FromModelHost).feed(heard)
    assert isinstance(answer, HostHello)
    assert answer.version == PROTOCOL_VERSION
    assert "speaks frame protocol" in refusals(host)[0]


async def test_a_model_that_the_host_does_not_have_runs_here(
    socket: Path, changes: Changes
) -> None:
    """As under a daemon whose app named others when it started."""
    async with hosting(socket, toy(), changes=changes):
        with using(toy(word="so ")) as model:
            assert await model.run(b"pid") == str(os.getpid()).encode()
            assert [part async for part in model.stream(b"count 2")] == [b"0", b"1"]
    assert changes.actions("model_not_hosted")


async def test_a_model_that_cannot_be_loaded_is_named(socket: Path, changes: Changes) -> None:
    """The start fails by it, and nothing is left."""
    with pytest.raises(ModelHostError, match="'bad' could not be loaded: it has no weights"):
        async with hosting(socket, toy("bad", broken=True), changes=changes):
            raise AssertionError("it started")

    assert not socket.exists()


async def test_a_target_that_is_none_is_named(socket: Path, changes: Changes) -> None:
    """With what its import raised."""
    ref = ModelRef(name="typo", target="no_such_package:Model")
    with pytest.raises(ModelHostError, match="'typo' can't be made by 'no_such_package:Model'"):
        async with hosting(socket, ref, changes=changes):
            raise AssertionError("it started")


async def test_a_host_that_is_asked_to_end_leaves_nothing(socket: Path, changes: Changes) -> None:
    """No process, and no socket."""
    async with hosting(socket, toy(), changes=changes) as host:
        with using(toy()) as model:
            await model.run(b"echo x")

    assert is_gone(host.pids[0])
    assert not socket.exists()


async def test_a_host_outlives_its_supervisor_as_long_as_it_is_used(
    socket: Path, changes: Changes
) -> None:
    """Jobs that go on have their models; a new host takes the others."""
    with using(toy()) as old, using(toy()) as new:
        async with hosting(socket, toy(), changes=changes) as host:
            await old.run(b"echo x")
            host.has_jobs = True  # so it is let go, as if the supervisor had died
        async with hosting(socket, toy(), changes=changes) as host:
            assert await old.run(b"pid") == str(host.pids[0]).encode()
            old_pid, new_pid = host.pids
            os.kill(old_pid, signal.SIGTERM)
            await asyncio.to_thread(psutil.wait_procs, [psutil.Process(old_pid)], DEADLINE)
            assert await old.run(b"pid") == str(new_pid).encode()
            assert await new.run(b"pid") == str(new_pid).encode()


async def test_a_host_without_supervisor_and_clients_makes_way_for_the_next(
    socket: Path, changes: Changes
) -> None:
    """At once: two that hold the same models for a minute may be more than the machine has."""
    async with hosting(socket, toy(), changes=changes) as host:
        host.has_jobs = True  # so it is let go, as if the supervisor had died
    old = psutil.Process(host.pids[0])
    assert old.is_running()
    async with hosting(socket, toy(), changes=changes):
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [old], DEADLINE)

    assert gone == [old]


async def test_calls_fail_in_time_without_a_host(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for ever, and the error says what was waited for."""
    monkeypatch.setattr(link, "HOST_TIMEOUT", 0.1)
    missing = pytest.raises(ModelError, match="could not be reached within 0.1 s: No such file")
    with using(toy()) as model, missing:
        await model.run(b"echo x")


HELLO = bytes(encode(ModelHello(version=PROTOCOL_VERSION, pid=1)))


async def said_to(socket: Path, data: bytes) -> bytes:
    """What a host answers to some bytes, until it closes the connection."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(data)
        heard = await reader.read()
        writer.close()
    return heard


def refusals(host: Hosting) -> list[str]:
    """Why clients were turned away so far."""
    frames = [frame for frame, _ in host.sink.records]
    return [
        str(frame.fields["reason"])
        for frame in frames
        if frame.fields.get("action") == "model_client_refused"
    ]


async def run_code(code: str, *arguments: str) -> str:
    """What a Python process prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode().strip()
