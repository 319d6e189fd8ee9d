"""`agentd call --script` against the daemon, a real LiveKit server and an agent on local models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import Ran, typed
from tests.support.daemon import Daemon, running_daemon

pytestmark = pytest.mark.timeout(120)

DEADLINE = 90.0
"""Seconds: the words are spoken and answered in real time."""

EXAMPLES = Path(__file__).parents[2] / "examples"

FAILING = """\
agent = "not-this-one"
timeout = 10
silence_after = 0.5

[[turns]]
name = "greeting"
expect = {contains = "corner kitchen", within = 0.0}

[[turns]]
text = "how much is a pizza"

[[turns]]
text = "thank you"
interrupt_after = 0.1
expect = {regex = "good bye", lacks = "pizza"}

[[turns]]
dtmf = "4#"
expect = {silent = 0.5}

[[turns]]
timeout = 0.5
expect = {hang_up = true}
"""


async def call(daemon: Daemon, server: LiveKitServer, *arguments: str) -> Ran:
    """`agentd call`, until it ends."""
    keys = ("--api-key", server.api_key, "--api-secret", server.api_secret)
    async with (
        typed(daemon, "call", "--url", server.url, *keys, *arguments) as process,
        asyncio.timeout(DEADLINE),
    ):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def verdicts(turn: Mapping[str, Any]) -> dict[str, bool]:
    """Each expectation of a turn, and whether it was met."""
    return {one["expected"]: one["met"] for one in turn["verdicts"]}


async def test_scripts_are_talked_and_judged(livekit_server: LiveKitServer, workdir: Path) -> None:
    """The example, by two callers at once, is as expected; another script is not, and each of its
    faults is told."""
    failing = workdir / "failing.toml"
    failing.write_text(FAILING)
    page = workdir / "talk.html"
    talk = workdir / "talk.yaml"
    example = (EXAMPLES / "talk.yaml").read_text()
    assert "within: 4 " in example
    talk.write_text(example.replace("within: 4 ", "within: 60 "))  # a test machine is busy
    app = str(EXAMPLES / "assistant.py")
    async with running_daemon(workdir, "start", app, server=livekit_server) as daemon:
        await daemon.wait_ready()
        agent = ("--agent", daemon.agent_name)

        # One after the other: three callers at once leave two cores no time to answer in.
        well = await call(
            daemon,
            livekit_server,
            *("--script", str(talk), "--callers", "2"),
            *("--json", str(workdir / "talk.json"), "--html", str(page), *agent),
        )
        badly = await call(daemon, livekit_server, *agent, "--script", str(failing), "--json")

    assert well.code == 0, well.out + well.err
    assert "2 of 2 calls as expected" in well.out
    assert "2 of 2 calls as expected" in page.read_text()
    report = json.loads((workdir / "talk.json").read_text())
    assert {call["room"] for call in report["calls"]} & {""} == set()
    price = report["calls"][0]["turns"][1]
    assert price["answer"] == "A pizza costs 14 dollars."
    assert "pizza" in price["heard"].lower()
    assert max(report["calls"][0]["caller_levels"]) > 20
    assert max(report["calls"][0]["agent_levels"]) > 20

    assert badly.code == 1, badly.err
    (told,) = badly.document["calls"]
    greeting, _, thanks, pressed, end = told["turns"]
    assert verdicts(greeting) == {
        "answers": True,
        "says 'corner kitchen'": True,
        "answers within 0 s": False,
    }
    assert all(verdicts(thanks).values()), json.dumps(thanks, indent=1)
    assert verdicts(pressed) == {"silent for 0.5 s": True}
    assert verdicts(end) == {"hangs up": False}


async def test_an_agent_that_does_not_come_fails_each_call(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The report says why, also for those that follow."""
    script = workdir / "nobody.yaml"
    script.write_text("agent: nobody\ntimeout: 1\nrepeat: 2\nturns: [{text: hello}]\n")
    async with running_daemon(workdir, "status") as nobody:
        ran = await call(nobody, livekit_server, "--script", str(script))

    assert ran.code == 1
    assert ran.out.count("no agent joined room") == 2
    assert "0 of 2 calls as expected" in ran.out
