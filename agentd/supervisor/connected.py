"""Starts a process of agentd's own that talks with the supervisor in frames."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.ipc.stream import FrameStream

from .output import OutputReader
from .process import OsProcess, Reaper
from .spawn import spawn_python


def spawn_connected(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: OutputReader,
    reaper: Reaper,
    incoming: Any,
) -> tuple[OsProcess, FrameStream[Any]]:
    """Start this Python with a control socket, on which `incoming` is what it may say.

    The stream ends with the process. Raises OSError where none can be started; `output` is closed
    then.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        pid = spawn_python(
            arguments, environment, output_fd=output.write_fd, control_fd=theirs.fileno()
        )
    except OSError:
        ours.close()
        output.close()
        raise
    finally:
        theirs.close()
    output.close_write_end()
    process = reaper.watch(pid)
    stream: FrameStream[Any] = FrameStream(ours, incoming)
    process.on_exit(stream.end_of_process)
    return process, stream
