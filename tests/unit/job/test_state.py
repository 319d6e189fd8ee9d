"""ctx.state: what is kept, what comes back, and what can't be."""

from __future__ import annotations

import asyncio
import datetime
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, msgpack, structs

from agentd.errors import StateError
from agentd.job.context import JobContext
from agentd.job.listener import Nobody
from agentd.job.state import (
    SNAPSHOT_VERSION,
    JobSnapshot,
    JobState,
    SnapshotWriter,
    encode_values,
    restore_values,
)
from agentd.protocol.job import MAX_SNAPSHOT_BYTES, Resume

if TYPE_CHECKING:
    from .conftest import Runner


class Item(Struct):
    """What users keep."""

    name: str
    count: int = 1


class Sent:
    """A state and the snapshots that it sent."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.snapshots: list[tuple[int, bytes]] = []
        kept = dict(values)
        writer = SnapshotWriter("AJ_1", kept, lambda *sent: self.snapshots.append(sent))
        self.writer = writer
        self.state = JobState(kept, writer)

    async def states(self) -> list[dict[str, Any]]:
        """What the snapshots say, once the loop has turned."""
        await asyncio.sleep(0)
        return [msgpack.decode(data, type=JobSnapshot).state for _, data in self.snapshots]


@pytest.fixture
async def sent() -> Sent:
    """An empty state."""
    return Sent({})


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says, in order."""
    return [getattr(record, "action", "") for record in caplog.records]


# -- what is sent -------------------------------------------------------------------


async def test_changes_of_one_turn_are_one_snapshot(sent: Sent) -> None:
    """However many; the last value counts."""
    sent.state["step"] = 1
    sent.state["step"] = 2
    sent.state.update(name="anna", gone=True)
    del sent.state["gone"]

    assert await sent.states() == [{"step": 2, "name": "anna"}]
    assert sent.snapshots[0][0] == SNAPSHOT_VERSION


async def test_each_turn_with_a_change_is_a_snapshot(sent: Sent) -> None:
    """And a turn without one is none."""
    sent.state["step"] = 1
    await sent.states()
    await sent.states()
    sent.state["step"] = 2

    assert await sent.states() == [{"step": 1}, {"step": 2}]


async def test_save_sends_at_once_what_changed_inside_a_value(sent: Sent) -> None:
    """And only once."""
    sent.state["cart"] = ["apple"]
    await sent.states()
    sent.state["cart"].append("pear")
    sent.state["step"] = 1

    sent.state.save()

    assert len(sent.snapshots) == 2
    assert (await sent.states())[1:] == [{"cart": ["apple", "pear"], "step": 1}]


async def test_reading_sends_nothing(sent: Sent) -> None:
    """Nor does looking for what is not there."""
    assert sent.state.get("cart") is None
    assert "cart" not in sent.state
    with pytest.raises(KeyError):
        del sent.state["cart"]

    assert await sent.states() == []


async def test_a_thread_may_change_it(sent: Sent) -> None:
    """The snapshot is sent from the loop."""

    def work() -> None:
        sent.state["done"] = True
        sent.state.save()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert await sent.states() == [{"done": True}]


async def test_nothing_is_sent_after_the_end(sent: Sent) -> None:
    """The supervisor has forgotten the job by then."""
    sent.state["step"] = 1
    sent.writer.close()
    sent.state["step"] = 2
    sent.state.save()

    assert await sent.states() == []


def test_a_change_after_the_loop_is_closed_is_no_error() -> None:
    """A thread that outlives the job gets no exception for it."""
    sent = asyncio.run(made())

    sent.state["late"] = True

    assert sent.snapshots == []


async def made() -> Sent:
    return Sent({})


# -- what can't be sent ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "type object"),
        ({"inside": [1, threading.Lock()]}, "lock"),
        (2**70, "2**64"),
        ("\udcff", "surrogates"),
    ],
    ids=["object", "nested", "big int", "surrogate"],
)
async def test_a_value_that_can_not_be_kept_is_named_once(
    sent: Sent, caplog: pytest.LogCaptureFixture, value: object, said: str
) -> None:
    """And the job goes on without snapshots."""
    sent.state["bad"] = value
    await sent.states()
    sent.state["good"] = 1
    await sent.states()

    assert sent.snapshots == []
    (record,) = caplog.records
    fields = record.__dict__
    assert (fields["action"], fields["key"]) == ("snapshot_impossible", "'bad'")
    assert fields["type"] == type(value).__qualname__
    assert said in fields["reason"]


async def test_each_bad_key_is_named(sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    """Also a key that is no str."""
    sent.state["one"] = object()
    sent.state[2] = "two"  # type: ignore[index]

    await sent.states()

    said = {record.__dict__["key"]: record.__dict__["reason"] for record in caplog.records}
    assert said.keys() == {"'one'", "2"}
    assert said["2"] == "the key is int, not str"


@pytest.mark.parametrize("remedy", ["changed", "removed"])
async def test_snapshots_go_on_when_the_value_is_gone(
    sent: Sent, caplog: pytest.LogCaptureFixture, remedy: str
) -> None:
    """With all that has changed meanwhile; should it come back, it is named again."""
    caplog.set_level("INFO")
    sent.state.update(bad=object(), good=1)
    await sent.states()
    if remedy == "changed":
        sent.state["bad"] = 2
    else:
        del sent.state["bad"]

    after = await sent.states()
    sent.state["bad"] = object()
    await sent.states()

    assert after == [{"bad": 2, "good": 1} if remedy == "changed" else {"good": 1}]
    assert actions(caplog) == ["snapshot_impossible", "snapshots_again", "snapshot_impossible"]


async def test_a_state_that_is_too_large_leaves_the_snapshot_before(
    sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with size and limit; it goes on when the state is smaller."""
    sent.state["small"] = 1
    await sent.states()
    for number in range(3):
        sent.state["large"] = bytes(MAX_SNAPSHOT_BYTES + number)
        await sent.states()
    del sent.state["large"]

    assert await sent.states() == [{"small": 1}, {"small": 1}]
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.__dict__["action"] == "snapshot_too_large"
    assert record.__dict__["size"] > record.__dict__["limit"] == MAX_SNAPSHOT_BYTES


async def test_a_state_of_the_largest_size_is_sent(sent: Sent) -> None:
    """The limit itself is allowed."""
    sent.state["large"] = b""
    await sent.states()
    room = MAX_SNAPSHOT_BYTES - len(sent.snapshots[0][1]) - 3  # a longer length takes 3 bytes
    sent.state["large"] = bytes(room)
    await sent.states()

    assert len(sent.snapshots[1][1]) == MAX_SNAPSHOT_BYTES


# -- what comes back --------------------------------------------------------------------

names = st.text(max_size=4)
odd_names = st.text(st.characters(), max_size=4)  # lone surrogates too

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | names
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


def resumed_with(values: Mapping[Any, Any], **changes: Any) -> Resume:
    """What the next process gets of these values."""
    encoded, _ = encode_values(values)
    snapshot = msgpack.encode(JobSnapshot(state=encoded))
    resume = Resume(resumes=1, snapshot_version=SNAPSHOT_VERSION, snapshot=snapshot)
    return structs.replace(resume, **changes)


@settings(max_examples=40)
@given(st.dictionaries(names, plain, max_size=4))
def test_plain_values_come_back_as_they_were(values: dict[str, Any]) -> None:
    """Any that JSON knows, bytes, and integers of 64 bits."""
    assert restore_values("AJ_1", resumed_with(values)) == values


odd_keys = names | st.integers() | st.tuples(st.integers())

anything = st.recursive(
    st.none()
    | odd_names
    | st.integers()
    | st.complex_numbers()
    | st.datetimes()
    | st.builds(object)
    | st.uuids()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(odd_keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(odd_names | st.integers(), anything, max_size=3))
def test_each_value_is_either_encoded_or_named(values: dict[Any, Any]) -> None:
    """Whatever users put there, nothing raises, and what was encoded can be read."""
    encoded, problems = encode_values(values)

    assert encoded.keys() | problems.keys() == values.keys()
    assert not encoded.keys() & problems.keys()
    assert all(isinstance(key, str) for key in encoded)
    assert restore_values("AJ_1", resumed_with(values)).keys() == encoded.keys()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Item(name="pear", count=2), Item),
        ([Item(name="pear")], list[Item]),
        ({1: "one"}, dict[int, str]),
        ({"a", "b"}, set[str]),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), datetime.datetime),
        (datetime.timedelta(seconds=5), datetime.timedelta),
        (uuid.UUID(int=7), uuid.UUID),
    ],
    ids=["Struct", "list", "dict", "set", "datetime", "timedelta", "UUID"],
)
async def test_get_as_gives_the_type_before_and_after_a_resume(value: object, kind: Any) -> None:
    """Users write one line for both lives."""
    first = Sent({"it": value})
    second = Sent(restore_values("AJ_1", resumed_with({"it": value})))

    assert first.state.get_as("it", kind) == value
    assert second.state.get_as("it", kind) == value


async def test_a_struct_comes_back_as_a_dict() -> None:
    """Its class is not in the snapshot."""
    assert restore_values("AJ_1", resumed_with({"it": Item(name="pear")})) == {
        "it": {"name": "pear", "count": 1}
    }


async def test_get_as_without_the_key_is_the_default(sent: Sent) -> None:
    """None unless another is given."""
    assert sent.state.get_as("it", Item) is None
    assert sent.state.get_as("it", list[Item], []) == []


@pytest.mark.parametrize("value", [{"name": 5}, object(), "pear"])
async def test_get_as_of_another_type_says_what_is_wrong(value: object) -> None:
    """The key and the type that was asked for."""
    with pytest.raises(StateError, match=r"ctx\.state\['it'\] can't be had as Item: .+"):
        Sent({"it": value}).state.get_as("it", Item)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"snapshot_version": 2}, "its version is 2, known is 1"),
        ({"snapshot": b"\xc1"}, "malformed"),
        ({"snapshot": msgpack.encode({"state": [1]})}, "state"),
        ({"snapshot": msgpack.encode(["state"])}, "object"),
    ],
    ids=["another version", "garbage", "another state", "another document"],
)
def test_a_snapshot_that_can_not_be_read_is_said_and_left(
    caplog: pytest.LogCaptureFixture, changes: dict[str, Any], said: str
) -> None:
    """The job goes on with nothing."""
    assert restore_values("AJ_1", resumed_with({"step": 1}, **changes)) == {}

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.__dict__["action"] == "snapshot_unreadable"
    assert said in record.__dict__["reason"]


def test_fields_that_a_later_agentd_has_added_are_no_matter() -> None:
    """A daemon may be taken back to the version before."""
    snapshot = msgpack.encode({"state": {"step": 1}, "session": b"x", "new": [1]})

    assert restore_values("AJ_1", Resume(resumes=1, snapshot_version=1, snapshot=snapshot)) == {
        "step": 1
    }


# -- in a job ---------------------------------------------------------------------------


class Keeps(Nobody):
    """A supervisor that keeps the snapshots."""

    def __init__(self) -> None:
        self.snapshots: list[bytes] = []

    def snapshot(self, version: int, data: bytes) -> None:
        """Keep it."""
        self.snapshots.append(data)


async def seen_by_a_job(run: Runner, resume: Resume | None) -> list[object]:
    """What the context says to an entrypoint."""
    seen: list[object] = []

    async def entrypoint(ctx: JobContext) -> None:
        seen.extend([ctx.resumed, ctx.resumes, dict(ctx.state)])
        ctx.shutdown()

    await run(entrypoint, resume=resume)
    return seen


@pytest.mark.parametrize(
    ("resume", "seen"),
    [
        (None, [False, 0, {}]),
        (Resume(resumes=1), [True, 1, {}]),
        (resumed_with({"step": 3}), [True, 1, {"step": 3}]),
        (Resume(resumes=4, snapshot_version=9, snapshot=b"?"), [True, 4, {}]),
    ],
    ids=["new", "without a snapshot", "with one", "unreadable"],
)
async def test_a_job_sees_its_past(run: Runner, resume: Resume | None, seen: list[object]) -> None:
    """Also one that had kept nothing."""
    assert await seen_by_a_job(run, resume) == seen


async def test_a_job_that_goes_on_keeps_what_it_had(run: Runner) -> None:
    """The next snapshot has the old values too."""
    keeps = Keeps()

    await run(sets("step", 4), listener=keeps, resume=resumed_with({"step": 3, "name": "anna"}))

    assert msgpack.decode(keeps.snapshots[-1], type=JobSnapshot).state == {
        "step": 4,
        "name": "anna",
    }


async def test_a_job_with_a_bad_value_completes(run: Runner) -> None:
    """Nothing is in the user's way."""
    keeps = Keeps()

    outcome = await run(sets("bad", object()), listener=keeps)

    assert (outcome.outcome, keeps.snapshots) == ("completed", [])


def sets(key: str, value: object) -> Callable[[JobContext], Awaitable[None]]:
    """An entrypoint that keeps one value."""

    async def entrypoint(ctx: JobContext) -> None:
        ctx.state[key] = value
        ctx.shutdown()

    return entrypoint


async def test_a_session_is_kept_beside_the_state() -> None:
    """It is asked once for many changes, and its bytes are another document."""
    sent = Sent({})
    asked: list[str] = []

    def take() -> bytes:
        asked.append("asked")
        return b"a conversation"

    sent.writer.remember_session(take)
    sent.writer.remember_session(take)
    await asyncio.sleep(0)

    (snapshot,) = (msgpack.decode(data, type=JobSnapshot) for _, data in sent.snapshots)
    assert snapshot.session == b"a conversation"
    assert asked == ["asked"]


async def test_what_was_kept_of_a_session_stays_until_there_is_another() -> None:
    """A job that goes on may change its state before it has started its session."""
    kept: list[tuple[int, bytes]] = []
    values: dict[str, Any] = {}
    writer = SnapshotWriter("AJ_1", values, lambda *sent: kept.append(sent), b"from before")

    JobState(values, writer)["step"] = 2
    await asyncio.sleep(0)

    assert msgpack.decode(kept[0][1], type=JobSnapshot) == JobSnapshot(
        state={"step": 2}, session=b"from before"
    )


async def test_a_session_that_can_not_be_taken_keeps_its_last_snapshot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It costs the state nothing."""
    sent = Sent({})

    def fail() -> bytes:
        raise ValueError("an odd object")

    sent.writer.remember_session(lambda: b"good")
    await asyncio.sleep(0)
    sent.writer.remember_session(fail)
    sent.state["step"] = 2
    await asyncio.sleep(0)

    last = msgpack.decode(sent.snapshots[-1][1], type=JobSnapshot)
    assert (last.state, last.session) == ({"step": 2}, b"good")
    assert [record.action for record in caplog.records] == ["session_snapshot_failed"]  # type: ignore[attr-defined]
