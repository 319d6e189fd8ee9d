"""Runs a command on a machine that lacks something: a limit is low, UDP or a system call refused.

    python tests/support/hampered.py --files 90 --no-udp -- python -m agentd doctor

What is taken away here is inherited, and can't be taken back by the command.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import resource
import struct

from agentd.doctor.probes.nodatagrams import refuse_datagrams

PIDFD_OPEN = 434


def refuse_pidfd_open() -> None:
    """As a kernel before 5.3, or a container's filter, does."""
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),
            (0x15, 0, 1, PIDFD_OPEN),
            (0x06, 0, 0, 0x00050000 | errno.ENOSYS),
            (0x06, 0, 0, 0x7FFF0000),
        )
    )

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    instructions = ctypes.create_string_buffer(program, len(program))
    filter_ = Filter(len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    assert not libc.prctl(38, 1, 0, 0, 0)
    assert not libc.prctl(22, 2, ctypes.byref(filter_), 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int)
    parser.add_argument("--core", type=int)
    parser.add_argument("--no-udp", action="store_true")
    parser.add_argument("--no-pidfd", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (options.files, options.files))
    if options.core:
        resource.setrlimit(resource.RLIMIT_CORE, (options.core, options.core))
    if options.no_udp:
        refuse_datagrams()
    if options.no_pidfd:
        refuse_pidfd_open()
    os.execvp(options.command[0], options.command)


if __name__ == "__main__":
    main()
