"""LiveKit's native library: loaded before children are forked, its log kept out of Python.

The SDK has no public way to either, so this module reaches into `livekit.rtc._ffi_client`;
tests/unit/room/test_native.py notices when an SDK has changed under it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.rtc import _ffi_client

from agentd.settings.load import environment

DEBUG_VARIABLE = "LIVEKIT_RTC_DEBUG"
"""The SDK's own switch for seeing the library's debug records."""


def prepare_native_library() -> None:
    """Load the library, and have it keep its log to itself. Once per process, before a Room.

    Loading it in the template saves each child 35 ms on its way into a room, since the
    relocated pages are shared. No thread is started: that comes with the first Room.

    The SDK has every log record of the library, down to trace, passed to Python, to drop
    most of them there: 600 to 1300 calls for one connect, half of its CPU time, and a
    burden on the audio path after it. Without that the library writes to standard error
    what RUST_LOG lets through (child_environment has a default for it).
    """
    library: Any = _ffi_client.get_ffi_lib()
    if environment().get(DEBUG_VARIABLE):
        return
    library.livekit_ffi_initialize = _QuietInitialize(library.livekit_ffi_initialize)
    _ffi_client.get_ffi_lib = _always(library)


def _always(library: Any) -> Callable[[], Any]:
    return lambda: library


class _QuietInitialize:
    """In place of the library's function of that name: the same without `capture_logs`."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.argtypes: list[Any] = []
        """The SDK declares them here."""

    def __call__(self, callback: Any, _capture_logs: bool, *client: bytes) -> None:
        self._function.argtypes = self.argtypes
        self._function(callback, False, *client)
