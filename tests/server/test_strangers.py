"""Whoever connects to the daemon's sockets and should not, or says what makes no sense."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.protocol.codec import encode
from agentd.protocol.frames import PROTOCOL_VERSION, Hello, JobEnded, Pong, Ready
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobOutcome
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import DEADLINE, Callers, Daemon, running_daemon, write_app

NOBODY = 65534

ASK = """\
import os, socket, sys
os.setgroups([]), os.setgid({uid}), os.setuid({uid})
with socket.socket(socket.AF_UNIX) as sock:
    sock.settimeout(10)
    try:
        sock.connect(sys.argv[1])
        sock.sendall(b"GET /api/v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        print(sock.recv(1000).decode() or "closed")
    except OSError as error:
        print(type(error).__name__)
"""


async def ask_as(uid: int, path: Path) -> str:
    """What another user gets to read from a socket."""
    # Python is loaded first: that user may not be able to read it.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASK.format(uid=uid), str(path), stdout=PIPE
    )
    async with asyncio.timeout(DEADLINE):
        out, _ = await process.communicate()
    return out.decode().strip()


def open_to_all(*sockets: Path) -> None:
    """As an operator does by mistake."""
    for path in sockets:
        path.chmod(0o666)
        for parent in (path.parent, path.parent.parent):
            parent.chmod(0o711)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
async def test_another_user_is_refused_by_both_sockets(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """By the files' modes, and were these opened up, by the kernel's word; the log says who."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        paths = sorted((workdir / "run").glob("*.sock"))
        shut = await asyncio.gather(*(ask_as(NOBODY, path) for path in paths))
        open_to_all(*paths)

        answers = {path.name: await ask_as(NOBODY, path) for path in paths}

        children = await daemon.wait_for(action="peer_refused")
        control = await daemon.wait_for(action="control_peer_refused")
        assert shut == ["PermissionError"] * 2
        assert "403 Forbidden" in answers.pop("control.sock")
        assert list(answers.values()) in (["closed"], ["ConnectionResetError"], ["BrokenPipeError"])
        assert (children["peer_uid"], control["peer_uid"]) == (NOBODY, NOBODY)
        assert await daemon.stop() == 0


def connect(path: Path) -> socket.socket:
    """One more that says it is a child."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(str(path))
    return sock


def hello(child: str, *, version: int = PROTOCOL_VERSION, job: str = "") -> bytes:
    """The first frame of a child."""
    frame = Hello(version=version, child_id=ChildId(child), pid=os.getpid(), job_id=job)
    return bytes(encode(frame))


ENDED = bytes(encode(JobEnded(job_id="AJ_1", outcome=JobOutcome(outcome="completed"))))

STRANGERS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "no frame": (lambda _: b"GET / HTTP/1.1\r\n\r\n", "hello_failed"),
    "ready first": (lambda _: bytes(encode(Ready(prewarm_seconds=0.0))), "hello_failed"),
    "an end first": (lambda _: ENDED, "hello_failed"),
    "half a frame": (lambda child: hello(child)[:-3], "hello_failed"),
    "unknown child": (lambda _: hello("c999") + encode(Pong(seq=1)), "unknown_child"),
    "unknown job": (lambda _: hello("c999", job="AJ_1") + ENDED, "unknown_child"),
    "a child that is there": (lambda child: hello(child) + ENDED, ""),
    "its other version": (lambda child: hello(child, version=1), ""),
}
"""What comes, and the line that tells of it; one whose name is taken is only turned away."""


async def test_frames_out_of_order_are_turned_away_and_cost_nothing(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Also in the name of a child with a job: its call goes on."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        job = await callers.holding(daemon)
        path = next(path for path in (workdir / "run").glob("*.sock") if path.stem != "control")

        for what, (data, action) in STRANGERS.items():
            since = len(daemon.lines)
            await asyncio.to_thread(be_turned_away, path, data(job["child"]), what)
            if action:
                line = await daemon.wait_for(since=since, action=action)
                assert line["peer_pid"] == os.getpid(), what

        await callers.say(job["room"], "still there")
        await daemon.wait_for(job=job["job"], message="heard still there")
        assert not ended_children(daemon)
        await callers.say(job["room"], "end")
        await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        assert await daemon.stop() == 0


def be_turned_away(path: Path, data: bytes, what: str) -> None:
    """Say something, and read until the other side closes without a word."""
    with connect(path) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        try:
            assert sock.recv(1000) == b"", what
        except ConnectionResetError:  # closed with our words unread
            return


def ended_children(daemon: Daemon) -> list[object]:
    """Lines that tell of a child's death."""
    return [*daemon.seen(action="child_failed"), *daemon.seen(action="post_mortem")]
