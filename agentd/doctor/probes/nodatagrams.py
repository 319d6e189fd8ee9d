"""Takes a process's UDP away: what it can still do, it can do where a firewall lets only TCP pass.

WebRTC has no switch for that. A seccomp filter refuses this process, and nobody else, to make
sockets for datagrams (IPv4 and IPv6). It needs no rights, and can't be undone.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

LOAD, EQUALS, AND, RETURN = 0x20, 0x15, 0x54, 0x06
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EACCES

SYSCALL, FAMILY, KIND = 0, 16, 24
"""Where in `struct seccomp_data` the filter finds the call and its first two arguments."""

KIND_MASK = 0xF
"""SOCK_NONBLOCK and SOCK_CLOEXEC are above it."""

SOCKET_CALLS = {"x86_64": 41, "aarch64": 198}


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def refuse_datagrams() -> None:
    """From now on. Raises OSError where the kernel, or this machine's kind, does not know how."""
    number = SOCKET_CALLS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"not known how on {platform.machine()}")
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD, 0, 0, SYSCALL),
            (EQUALS, 0, 7, number),
            (LOAD, 0, 0, FAMILY),
            (EQUALS, 1, 0, int(socket.AF_INET)),
            (EQUALS, 0, 4, int(socket.AF_INET6)),
            (LOAD, 0, 0, KIND),
            (AND, 0, 0, KIND_MASK),
            (EQUALS, 0, 1, int(socket.SOCK_DGRAM)),
            (RETURN, 0, 0, REFUSE),
            (RETURN, 0, 0, ALLOW),
        )
    )
    instructions = ctypes.create_string_buffer(program, len(program))
    filter_ = _Filter(len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")
