"""The LiveKit server that tests run against is itself what it promises to be."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from livekit import api

from agentd.testing.livekit_server import LiveKitServer, ServerNotReady, answers, find_or_build

OWNER = """\
import sys
from pathlib import Path
from agentd.testing.livekit_server import LiveKitServer
server = LiveKitServer(log_path=Path(sys.argv[1]))
server.start()
print(server.ports.http, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_server(workdir: Path) -> LiveKitServer:
    """A server that this test may stop."""
    return LiveKitServer(log_path=workdir / "livekit.log")


async def test_it_takes_the_keys_that_it_tells(livekit_server: LiveKitServer) -> None:
    """A client with its url, key and secret is served."""
    client = api.LiveKitAPI(livekit_server.url, livekit_server.api_key, livekit_server.api_secret)

    async with client:
        rooms = await client.room.list_rooms(api.ListRoomsRequest())

    assert rooms is not None


def test_two_servers_share_no_port(
    livekit_server: LiveKitServer, own_server: LiveKitServer
) -> None:
    """A second server starts beside the first."""
    with own_server:
        both_answer = answers(livekit_server.ports.http) and answers(own_server.ports.http)

    assert both_answer


def test_a_restart_keeps_the_address(own_server: LiveKitServer) -> None:
    """Clients find it again where it was."""
    with own_server:
        before = own_server.url

        own_server.restart()

        assert own_server.url == before
        assert answers(own_server.ports.http)


def test_a_killed_server_can_start_again(own_server: LiveKitServer) -> None:
    """kill() ends it at once and start_again() brings it back on the same ports."""
    with own_server:
        port = own_server.ports.http

        own_server.kill()
        gone = not answers(port)
        own_server.start_again()

        assert gone
        assert answers(port)


def test_stop_may_be_repeated(own_server: LiveKitServer) -> None:
    """A server that does not run is stopped already."""
    own_server.start()

    own_server.stop()
    own_server.stop()

    assert not own_server.running


def test_a_program_that_is_no_server_is_told(workdir: Path) -> None:
    """The error says that it ended, and where its log is."""
    server = LiveKitServer(log_path=workdir / "log", program=Path("/bin/false"))

    with pytest.raises(ServerNotReady, match=f"ended at once.*{workdir}/log"):
        server.start()


def test_it_ends_with_an_owner_that_is_killed(workdir: Path) -> None:
    """SIGKILL leaves the owner no time to stop it; the lifeline does."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(workdir / "livekit.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        started = psutil.Process(owner.pid).children(recursive=True)

        owner.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(started, timeout=5.0)

        assert len(started) == 2
        assert alive == []
        assert not answers(port)


def test_the_command_prints_where_the_program_is() -> None:
    """One line, for scripts."""
    command = [sys.executable, "-m", "agentd.testing.livekit_server"]

    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)

    assert told.stdout.strip() == str(find_or_build())


def test_the_command_runs_one_until_it_is_told_to_stop(workdir: Path) -> None:
    """It prints what to export, in words that a shell takes, and ends well on SIGTERM."""
    command = [sys.executable, "-m", "agentd.testing.livekit_server", "--run"]
    with subprocess.Popen(
        [*command, "--log", str(workdir / "log")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]

        process.send_signal(signal.SIGTERM)

        assert process.wait(15) == 0
        assert told[0].startswith("export LIVEKIT_URL=ws://127.0.0.1:")
