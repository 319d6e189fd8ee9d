"""LiveKit's native library, prepared in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentd.settings.load import child_environment
from agentd.settings.model import Settings

COUNT_RECORDS = """
import asyncio, logging, sys
from livekit import rtc
from agentd.room.native import prepare_native_library

class Count(logging.Handler):
    records = 0
    def emit(self, record):
        Count.records += 1

async def main():
    if sys.argv[1] == "prepared":
        prepare_native_library()
    logging.getLogger("livekit").setLevel(logging.DEBUG)
    logging.getLogger("livekit").addHandler(Count())
    try:
        await rtc.Room().connect("ws://127.0.0.1:9", "no token")
    except rtc.ConnectError:
        print(Count.records)

asyncio.run(main())
"""

LOAD = """
from pathlib import Path
from agentd.room.native import prepare_native_library

prepare_native_library()
print(len(list(Path("/proc/self/task").iterdir())), "thread")
print("liblivekit_ffi" in Path("/proc/self/maps").read_text())
"""


def run_python(code: str, *arguments: str, **variables: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=child_environment(Settings()) | variables,
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()


def test_the_library_is_loaded_and_no_thread_is_started() -> None:
    """A template that prepared it can still fork."""
    printed = run_python(LOAD)

    assert printed.splitlines() == ["1 thread", "True"]


def test_no_record_of_the_library_reaches_python() -> None:
    """A connect, even one that fails, calls into Python for its outcome only."""
    printed = run_python(COUNT_RECORDS, "prepared")

    assert printed == "0"


@pytest.mark.parametrize("preparation", ["prepared", "not"])
def test_the_sdks_debug_switch_brings_the_records_back(preparation: str) -> None:
    """Who asks for the library's debug records gets them, as without us."""
    printed = run_python(COUNT_RECORDS, preparation, LIVEKIT_RTC_DEBUG="1")

    assert int(printed) > 0
