"""A real LiveKit server for tests, examples and trying things out.

    with LiveKitServer() as server:
        ...  # server.url, server.api_key, server.api_secret

`python -m agentd.testing.livekit_server` prints where the program is (building it first
if it must); with `--run` it runs one until it is interrupted.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from agentd.aio.timing import monotonic
from agentd.errors import AgentdError

from .livekit_binary import NoLiveKitServer, find_or_build
from .ports import HeldPorts, Ports, ServerNotReady

__all__ = ["LiveKitServer", "NoLiveKitServer", "Ports", "ServerNotReady", "find_or_build"]

HOST = "127.0.0.1"
API_KEY = "devkey"
API_SECRET = "not-a-secret-this-server-is-on-loopback"
"""As long as HMAC-SHA256 asks for; the `secret` of --dev makes PyJWT warn at each token."""

READY_TIMEOUT = 15.0
START_ATTEMPTS = 3
STOP_LADDER = ((signal.SIGTERM, 1.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))
"""The first SIGTERM waits for calls to end, the second closes them. In its first 0.1 s the
server takes note of a signal and then forgets it, so the ladder is needed even with no calls."""

LIFELINE = Path(__file__).with_name("lifeline.py")


class LiveKitServer:
    """One livekit-server on loopback with ports of its own; a context manager.

    Methods block for up to a few seconds: in async code where that matters, call them
    through `asyncio.to_thread`; any thread will do. The server ends with this process,
    also when that is killed.
    """

    def __init__(self, *, log_path: Path | None = None, program: Path | None = None) -> None:
        self.api_key = API_KEY
        self.api_secret = API_SECRET
        self.log_path = log_path or Path(tempfile.mkdtemp(prefix="livekit-")) / "livekit.log"
        """What the server writes; restarts append."""
        self._program = program
        self._held: HeldPorts | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LiveKitServer:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def ports(self) -> Ports:
        """The ports in use; raises ServerNotReady before the first start."""
        if self._held is None:
            raise ServerNotReady("the server was never started: call start() first")
        return self._held.ports

    @property
    def url(self) -> str:
        """Address for clients and workers, such as ws://127.0.0.1:20123."""
        return f"ws://{HOST}:{self.ports.http}"

    @property
    def ws(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start on free ports and wait until the server answers.

        Raises NoLiveKitServer, or ServerNotReady with the end of the log.
        """
        if self.running:
            return
        self._program = self._program or find_or_build()
        for attempt in range(1, START_ATTEMPTS + 1):
            self._held = HeldPorts()
            try:
                self._launch(self._program)
            except ServerNotReady:
                # Somebody who holds no locks may have taken a port since it was found free.
                if attempt == START_ATTEMPTS:
                    raise
            else:
                return

    def restart(self) -> None:
        """Stop and start again on the same ports; rooms and dispatches are forgotten."""
        self.stop()
        self.start_again()

    def start_again(self) -> None:
        """Start on the ports of the last start, after stop() or kill()."""
        program = self._program
        if program is None or self._held is None:
            self.start()
        elif not self.running:
            self._launch(program)

    def stop(self) -> None:
        """Ask, ask again, then force; returns when the process is gone. May be repeated."""
        for number, patience in STOP_LADDER:
            if self._signal(number, patience):
                return
        raise ServerNotReady("livekit-server can't be killed")

    def kill(self) -> None:
        """End it at once, without a word to its clients. May be repeated."""
        self._signal(signal.SIGKILL, STOP_LADDER[-1][1])

    def wait(self) -> int | None:
        """Wait until the server ends; its exit code, None if it was never started."""
        return self._process.wait() if self._process else None

    def _launch(self, program: Path) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LIFELINE), str(program), *arguments(self.ports)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                bufsize=0,
                # Ctrl-C at a terminal is for the tests; they stop the server themselves.
                start_new_session=True,
            )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        # The server has no way to tell that it is ready, so this asks until it answers:
        # the one place that polls, for a few tenths of a second.
        pause = threading.Event()
        deadline_at = monotonic() + READY_TIMEOUT
        while not answers(self.ports.http):
            if process.poll() is not None:
                raise ServerNotReady(f"livekit-server ended at once. {self._log_end()}")
            if monotonic() > deadline_at:
                raise ServerNotReady(
                    f"livekit-server is not ready after {READY_TIMEOUT:.0f} s. {self._log_end()}"
                )
            pause.wait(0.02)
        if process.poll() is not None:  # somebody else answers on that port
            raise ServerNotReady(f"livekit-server ended at once. {self._log_end()}")

    def _signal(self, number: signal.Signals, patience: float) -> bool:
        """Send a signal through the lifeline; says whether the process is gone."""
        process = self._process
        if process is None or process.stdin is None:
            return True
        try:
            process.stdin.write(bytes([number]))
        except BrokenPipeError:
            pass  # it has just ended, which wait() will tell
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        process.stdin.close()
        self._process = None
        return True

    def _log_end(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()[-5:]
        return f"The end of its log, {self.log_path}:\n" + "\n".join(lines)


def arguments(ports: Ports) -> list[str]:
    """The command line of a server for one machine. Pure."""
    return [
        "--dev",
        f"--keys={API_KEY}: {API_SECRET}",
        f"--bind={HOST}",
        f"--node-ip={HOST}",
        f"--port={ports.http}",
        f"--rtc.tcp_port={ports.rtc_tcp}",
        f"--udp-port={ports.rtc_udp}",
        # Without it media needs another network interface, and a container may have none.
        "--rtc.enable_loopback_candidate",
    ]


def answers(port: int) -> bool:
    """Whether a LiveKit server says on this port that it is well."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(argv: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m agentd.testing.livekit_server",
        description="Find livekit-server, or build it once, and print where it is.",
    )
    parser.add_argument("--run", action="store_true", help="run one until it is interrupted")
    parser.add_argument("--log", type=Path, help="file for the server's log")
    options = parser.parse_args(argv)
    try:
        program = find_or_build()
        if options.run:
            return run(LiveKitServer(program=program, log_path=options.log))
    except AgentdError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(program)
    return 0


def run(server: LiveKitServer) -> int:
    """Run a server until it ends or we are interrupted, and say how to reach it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            print(f"export LIVEKIT_URL={server.url}")
            print(f"export LIVEKIT_API_KEY={API_KEY} LIVEKIT_API_SECRET={API_SECRET}")
            print(f"# its log: {server.log_path}", flush=True)
            return server.wait() or 0
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
