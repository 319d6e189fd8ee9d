"""ctx.state: what a job knows again when it goes on in another process.

The values are kept as snapshots: after a change the whole state is encoded once in the next
turn of the event loop and handed to the supervisor, which keeps the latest. What can't be
encoded or is too large costs the job its snapshots, with one line in the log, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from msgspec import MsgspecError, Raw, Struct, msgpack

from agentd.errors import StateError
from agentd.protocol.job import MAX_SNAPSHOT_BYTES, Resume

logger = logging.getLogger("agentd.job")

SNAPSHOT_VERSION = 1
"""Of `JobSnapshot`. A new field with a default needs no new version, a new meaning does."""

SendSnapshot = Callable[[int, bytes], None]
"""Takes the version and the encoded `JobSnapshot`."""

T = TypeVar("T")
DefaultT = TypeVar("DefaultT")


class JobSnapshot(Struct, frozen=True, kw_only=True):
    """The document that outlives the process."""

    state: dict[str, Any] = {}
    session: bytes = b""
    """Of the job's session; a document of its own."""


class JobState(MutableMapping[str, Any]):
    """A mapping that is there again when the job goes on in another process.

    Keys are str, values what msgspec encodes: builtins, dates, Structs, dataclasses and
    collections of them. They come back as builtins, a Struct as a dict: see `get_as`. A
    change inside a value is not seen; `save` after it.
    """

    def __init__(self, values: dict[str, Any], writer: SnapshotWriter) -> None:
        self._values = values
        self._writer = writer

    def save(self) -> None:
        """Take a snapshot now, not only in the next turn of the event loop."""
        self._writer.write_now()

    def get_as(self, key: str, type: type[T], default: DefaultT = None) -> T | DefaultT:  # type: ignore[assignment]
        """A value as this type, such as a Struct or `list[int]`; the default without the key.

        Raises StateError where the value can't be one.
        """
        if key not in self._values:
            return default
        try:
            # By way of the encoding, so that it works alike before and after a resume.
            return msgpack.decode(msgpack.encode(self._values[key]), type=type)
        except (MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            name = getattr(type, "__name__", str(type))
            raise StateError(f"ctx.state['{key}'] can't be had as {name}: {error}") from error

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self._writer.write_soon()

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._writer.write_soon()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"JobState({self._values!r})"


class SnapshotWriter:
    """Encodes the values and sends them, at most once in a turn of the loop.

    Callable from any thread; `send` is called in the loop's.
    """

    def __init__(
        self, job_id: str, values: dict[str, Any], send: SendSnapshot, session: bytes = b""
    ) -> None:
        """`session` is what an earlier process had kept of the job's session; it stays until the
        session of this one says otherwise."""
        self._job_id = job_id
        self._values = values
        self._send = send
        self._session = session
        self._take_session: Callable[[], bytes] | None = None
        self._ask_session: Callable[[], bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._closed = False
        self._told: dict[Any, str] = {}
        """What the log has said, by key; None is for the whole document."""

    def write_soon(self) -> None:
        """Write in the next turn of the event loop, once for all changes before it."""
        if self._scheduled or self._closed:
            return
        self._scheduled = True
        if _is_running(self._loop):
            self._loop.call_soon(self._write_scheduled)
            return
        try:
            self._loop.call_soon_threadsafe(self._write_scheduled)
        except RuntimeError:  # the job is over and its loop closed: a thread was left behind
            return

    def write_now(self) -> None:
        """Write before this returns; from another thread, soon."""
        if _is_running(self._loop):
            self._write()
        else:
            self.write_soon()

    def remember_session(self, take: Callable[[], bytes]) -> None:
        """The session has changed: ask it for what is to be kept of it, and write, soon."""
        self._take_session = self._ask_session = take
        self.write_soon()

    def write_last(self) -> str:
        """Write once more, and nothing after that, for the process that is to go on with the job.

        Says why that can't be, or nothing; then it goes on here.
        """
        self._take_session = self._take_session or self._ask_session
        why = self._write(leaving=True)
        self._closed = self._closed or not why
        return why

    def go_on(self) -> None:
        """The last one was not the last: write as before."""
        self._closed = False

    def close(self) -> None:
        """The job is over: nothing is written any more."""
        self._closed = True

    def _write_scheduled(self) -> None:
        if self._scheduled:
            self._write()

    def _write(self, *, leaving: bool = False) -> str:
        """Write; says why that can't be. `leaving`: with nothing to say it can't be either."""
        self._scheduled = False
        if self._closed:
            return "the job is over"
        encoded, problems = encode_values(self._values.copy())
        if problems:
            self._tell_of(problems)
            return f"ctx.state[{next(iter(problems))!r}] can't be remembered"
        session = self._latest_session()
        if leaving and not encoded and not session:
            return "it keeps nothing: no AgentSession that runs, and nothing in ctx.state"
        data = msgpack.encode(JobSnapshot(state=encoded, session=session))
        if len(data) > MAX_SNAPSHOT_BYTES:
            self._tell_too_large(len(data))
            return f"its snapshot is too large: {len(data)} bytes"
        if self._told:
            self._told.clear()
            logger.info("snapshots are taken again", extra=self._fields("snapshots_again"))
        self._send(SNAPSHOT_VERSION, data)
        return ""

    def _latest_session(self) -> bytes:
        take, self._take_session = self._take_session, None
        if take is not None:
            try:
                self._session = take()
            # It asks objects of the user's, and the state is to be kept all the same.
            except Exception as error:
                logger.error(
                    "the session can't be remembered: its last snapshot stays",
                    exc_info=error,
                    extra=self._fields("session_snapshot_failed"),
                )
        return self._session

    def _tell_of(self, problems: Mapping[Any, str]) -> None:
        """One line for each value, until it is another."""
        self._told = {key: why for key, why in self._told.items() if key in (*problems, None)}
        for key, why in problems.items():
            if key in self._told:
                continue
            self._told[key] = why
            logger.error(
                "a value in ctx.state can't be remembered: no more snapshots of the job "
                "until it is changed or removed",
                extra=self._fields("snapshot_impossible")
                | {"key": repr(key), "type": type(self._values.get(key)).__qualname__}
                | {"reason": why},
            )

    def _tell_too_large(self, size: int) -> None:
        if None in self._told:
            return
        self._told = {None: "too large"}
        logger.error(
            "ctx.state and the session are too large for a snapshot: the one before stays until "
            "they are smaller",
            extra=self._fields("snapshot_too_large") | {"size": size, "limit": MAX_SNAPSHOT_BYTES},
        )

    def _fields(self, action: str) -> dict[str, Any]:
        return {"action": action, "job_id": self._job_id}


def encode_values(values: Mapping[Any, Any]) -> tuple[dict[str, Raw], dict[Any, str]]:
    """The values that can be encoded, and for each other one the reason."""
    encoded: dict[str, Raw] = {}
    problems: dict[Any, str] = {}
    for key, value in values.items():
        try:
            if not isinstance(key, str):
                raise TypeError(f"the key is {type(key).__qualname__}, not str")
            key.encode()
            encoded[key] = Raw(msgpack.encode(value))
        # The user's values: msgspec asks their properties, and a thread may change them.
        except Exception as error:  # noqa: BLE001
            problems[key] = str(error) or type(error).__name__
    return encoded, problems


def restore_values(job_id: str, resume: Resume | None) -> dict[str, Any]:
    """The values of the last snapshot; empty, with a line in the log, if it can't be read."""
    return restore(job_id, resume).state


def restore(job_id: str, resume: Resume | None) -> JobSnapshot:
    """The last snapshot; an empty one, with a line in the log, if it can't be read."""
    if resume is None or not resume.snapshot:
        return JobSnapshot()
    try:
        if resume.snapshot_version != SNAPSHOT_VERSION:
            raise StateError(
                f"its version is {resume.snapshot_version}, known is {SNAPSHOT_VERSION}"
            )
        return msgpack.decode(resume.snapshot, type=JobSnapshot)
    # Bytes from a disk: whatever is wrong with them, the job goes on.
    except Exception as error:  # noqa: BLE001
        logger.error(
            "the job's snapshot can't be read: it goes on with an empty ctx.state",
            extra={
                "action": "snapshot_unreadable",
                "job_id": job_id,
                "reason": str(error) or type(error).__name__,
            },
        )
        return JobSnapshot()


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the loop's own thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # there is none in this thread
        return False
