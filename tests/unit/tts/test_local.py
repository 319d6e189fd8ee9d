"""Tests of agentd.tts.local and agentd.tts.parts, with a runner of the test's own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agentd.audio.frame import silent_frame
from agentd.errors import APIError, ModelError
from agentd.models import RunnerThreads
from agentd.resilience import APIConnectOptions
from agentd.tts.local import LocalTTS, decode_say, encode_said
from agentd.tts.parts import LONGEST, spoken_parts

DEADLINE = 10.0
TEXT = "This is the first sentence. And here is the second one. The third comes at the end."


class Runner:
    """Takes 10 ms of silence for each character; waits where it is told to."""

    said: list[str]

    def __init__(self) -> None:
        self.said = []
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def load(self) -> None:
        """Nothing."""

    def run(self, request: bytes) -> bytes:
        """Speak."""
        text = decode_say(request).text
        self.said.append(text)
        self.began.set()
        if not self.go_on.wait(DEADLINE):
            raise ModelError("nobody let it go on")
        if "fail" in text:
            raise ModelError("it failed")
        return encode_said(silent_frame(0.01 * len(text), 16000))


def tts_of(runner: Runner) -> LocalTTS:
    """A voice around it."""
    return LocalTTS(RunnerThreads(lambda: runner, name="test"), sample_rate=16000)


async def test_a_text_is_spoken_part_by_part() -> None:
    """Parts with nothing to say are left out."""
    runner = Runner()

    async with tts_of(runner) as tts:
        frame = await tts.synthesize(f"{TEXT} ...\n\n***").collect()

    assert len(runner.said) == 3
    assert frame.duration == pytest.approx(0.01 * sum(map(len, runner.said)))


async def test_closing_begins_no_other_part() -> None:
    """The one that is computed is finished, unheard."""
    runner = Runner()
    runner.go_on.clear()

    async with asyncio.timeout(DEADLINE), tts_of(runner) as tts:
        stream = tts.synthesize(TEXT)
        async with stream:
            await asyncio.to_thread(runner.began.wait, DEADLINE)
        runner.go_on.set()
        await tts.synthesize("Something else.").collect()

    assert runner.said == ["This is the first sentence.", "Something else."]


async def test_a_failure_of_the_runner_is_the_call_s() -> None:
    """Not tried again, since the model says so."""
    runner = Runner()

    async with tts_of(runner) as tts:
        with pytest.raises(APIError, match="it failed"):
            await tts.synthesize("fail", conn_options=APIConnectOptions(max_retry=3)).collect()

    assert runner.said == ["fail"]


LONG = (
    "Your appointment is on Monday at three, in room twelve, which is on the second floor of the "
    "house, behind the big staircase; please bring your card, the letter that we have sent to you, "
    "and somebody who can drive you home. See you then."
)


def test_the_first_part_is_short_and_none_is_long() -> None:
    """A clause first; where there is no clause to cut at, a sentence stays as it is."""
    parts = list(spoken_parts(LONG))

    assert parts[0] == "Your appointment is on Monday at three,"
    assert max(map(len, parts)) <= LONGEST
    assert " ".join(parts) == LONG
    whole = "This one has no clause that it could be cut at however long it may be in the end."
    assert list(spoken_parts(whole)) == [whole]


@pytest.mark.parametrize("text", ["Yes, of course, I will.", "One, two, three, four, five."])
def test_a_short_sentence_is_one_part(text: str) -> None:
    """It sounds better."""
    assert list(spoken_parts(text)) == [text]


def test_no_text_has_no_parts() -> None:
    """Nor has one of blanks."""
    assert list(spoken_parts("  ")) == []
