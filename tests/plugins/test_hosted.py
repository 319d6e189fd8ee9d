"""The local plugins with their models in a model host, as in a daemon whose app names them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from agentd.audio.frame import from_samples
from agentd.audio.pcm import join, silence
from agentd.audio.resample import resample
from agentd.eot import EndOfTurnRequest
from agentd.plugins import smartturn, smollm
from agentd.settings.load import MODEL_HOST_VARIABLE
from agentd_flite import TTS as Flite
from agentd_moonshine import STT as Moonshine
from agentd_piper import TTS as Piper
from agentd_smartturn import EndOfTurn
from tests.plugins.llm_contract import conversation
from tests.plugins.test_flite import needs_flite
from tests.support.changes import Changes
from tests.support.model_files import DOWNLOAD_TIMEOUT, have
from tests.support.model_host import hosting
from tests.support.recordings import recording

pytestmark = pytest.mark.timeout(DOWNLOAD_TIMEOUT + 60)  # models are loaded, and one is fetched

RATE = 16000
SENTENCE = "Good evening, I would like to order a large pizza."


@pytest.fixture
def socket(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host listens, and this process looks for it."""
    path = workdir / "m"
    monkeypatch.setenv(MODEL_HOST_VARIABLE, str(path))
    return path


async def test_what_is_spoken_is_judged_and_recognised_in_the_host(socket: Path) -> None:
    """Nothing of it happens in a thread of this process, also after the host has died."""
    for file in smartturn.MODEL_FILES:
        have(file)
    whole = join([recording("jfk"), silence(0.3, RATE)])
    sentence = from_samples(whole.samples, RATE)  # a voice that is computed is not always clear
    refs = (Moonshine.ref(), Piper.ref(), EndOfTurn.ref())
    threads = set(threading.enumerate())
    with Changes() as changes:
        async with (
            hosting(socket, *refs, changes=changes) as host,
            Piper() as mouth,
            Moonshine() as ear,
            EndOfTurn() as judge,
        ):
            spoken = resample(await mouth.synthesize(SENTENCE).collect(), RATE)
            prediction = await judge.predict(EndOfTurnRequest(audio=sentence, language="en"))
            host.kill()
            heard = await ear.recognize(spoken)

    assert prediction.is_end
    assert "would like to order" in heard.text.lower()  # the voice says no sentence twice alike
    assert {thread.name for thread in set(threading.enumerate()) - threads} <= {"asyncio_0"}


@needs_flite
async def test_voices_of_two_kinds_speak_side_by_side(socket: Path) -> None:
    """Each is a model of its own, although both are TTS."""
    with Changes() as changes:
        async with (
            hosting(socket, Piper.ref(speed=2.0), Flite.ref("rms"), changes=changes),
            Piper(speed=2.0) as one,
            Flite("rms") as other,
        ):
            spoken = await asyncio.gather(
                *(voice.synthesize(SENTENCE).collect() for voice in (one, other))
            )

    assert [frame.sample_rate for frame in spoken] == [one.sample_rate, other.sample_rate]
    assert changes.actions("model_not_hosted") == []


async def test_a_reply_comes_in_parts_from_the_host(socket: Path) -> None:
    """Of a model that this process does not load; one that is given up costs the next nothing."""
    for file in smollm.MODEL_FILES:
        have(file)
    with Changes() as changes:
        async with (
            hosting(socket, smollm.LLM.ref(), changes=changes),
            aclosing(smollm.LLM(max_tokens=300)) as talker,
            aclosing(smollm.LLM(max_tokens=8, temperature=0.0)) as brief,
        ):
            async with talker.chat(chat_ctx=conversation("Tell me a long story.")) as story:
                await anext(story)
            reply = await brief.chat(chat_ctx=conversation("Hello!")).collect()

    assert reply.text
    assert reply.usage is not None
    assert reply.usage.completion_tokens <= 8
    assert changes.actions("model_not_hosted") == []
    assert "smollm_0" not in {thread.name for thread in threading.enumerate()}
