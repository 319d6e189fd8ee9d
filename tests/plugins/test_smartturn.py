"""Tests of what is particular to agentd-smartturn, with its real model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import Clip, join, silence
from agentd.eot import EndOfTurnModel, EndOfTurnRequest
from agentd.errors import ModelError, ModelFileMissing
from agentd.plugins import smartturn
from agentd_smartturn.messages import Heard, encode
from tests.plugins.eot_contract import EOTContract
from tests.support.model_files import DOWNLOAD_TIMEOUT, have
from tests.support.recordings import recording

pytestmark = pytest.mark.timeout(DOWNLOAD_TIMEOUT + 30)

RATE = 16000


@pytest.fixture(scope="module", autouse=True)
def files() -> None:
    """What the model needs, from the package index on the first run."""
    for file in smartturn.MODEL_FILES:
        have(file)


class TestSmartTurn(EOTContract):
    """The contract of all end-of-turn models."""

    def make(self) -> EndOfTurnModel:
        """One with its defaults."""
        made: EndOfTurnModel = smartturn.EndOfTurn()
        return made


def asked(clip: Clip) -> EndOfTurnRequest:
    """Whether somebody has finished who has said this, and been silent for 0.3 s."""
    samples = join([clip, silence(0.3, RATE)]).samples
    return EndOfTurnRequest(audio=from_samples(samples, RATE), language="en")


@pytest.mark.parametrize("name", ["jfk", "lv-0870", "lv-0890"])
async def test_a_whole_sentence_is_an_end(name: str) -> None:
    """These recordings end with their sentences."""
    async with smartturn.EndOfTurn() as model:
        prediction = await model.predict(asked(recording(name)))

    assert prediction.is_end


async def test_a_sentence_that_goes_on_in_the_book_is_no_end() -> None:
    """The words are complete, and the reader's voice is not: a comma comes next."""
    async with smartturn.EndOfTurn() as model:
        prediction = await model.predict(asked(recording("lv-0880")))

    assert not prediction.is_end


@pytest.mark.parametrize(
    ("name", "until"), [("jfk", 5.0), ("lv-0870", 3.0), ("lv-0880", 1.5), ("lv-0890", 3.2)]
)
async def test_half_a_sentence_is_none(name: str, until: float) -> None:
    """Cut in its middle, it sounds as if it went on."""
    async with smartturn.EndOfTurn() as model:
        whole, half = [
            await model.predict(asked(clip))
            for clip in (recording(name), recording(name).cut(0.0, until))
        ]

    assert half.probability < whole.probability


async def test_the_threshold_is_the_user_s() -> None:
    """For all the model's languages, and for one that is not known."""
    async with smartturn.EndOfTurn(threshold=0.9) as model:
        thresholds = [model.threshold(language) for language in ("en", "de-AT", "Korean", "")]

    assert thresholds == [0.9] * 4
    assert model.threshold("Welsh") is None


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_a_threshold_that_always_or_never_counts_is_refused(threshold: float) -> None:
    """The error has the value."""
    with pytest.raises(ValueError, match=f"must lie between 0 and 1, but is {threshold}"):
        smartturn.EndOfTurn(threshold=threshold)


async def test_without_its_file_the_error_names_the_remedy(tmp_path: Path) -> None:
    """Nothing is fetched in a call."""
    async with smartturn.EndOfTurn(directory=tmp_path) as model:
        with pytest.raises(ModelFileMissing, match="run `agentd models fetch`"):
            await model.predict(asked(recording("lv-0880")))


async def test_a_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    """As a disk may leave it behind."""
    (file,) = smartturn.MODEL_FILES
    path = tmp_path / f"{file.package}-{file.version}" / file.name
    path.parent.mkdir()
    path.write_bytes(bytes(file.size))

    async with smartturn.EndOfTurn(directory=tmp_path) as model:
        with pytest.raises(ModelError, match="could not be loaded"):
            await model.predict(asked(recording("lv-0880")))


def test_what_is_no_request_is_refused() -> None:
    """A runner in a host process gets bytes from anywhere."""
    runner = smartturn.SmartTurnRunner()

    for request in (b"", b"\xc1", b"\x81\xa3pcm\xc4\x01\x00"):
        with pytest.raises(ModelError, match="this is no audio"):
            runner.run(request)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """onnxruntime starts a thread when it is imported: the template could not fork any more."""
    code = (
        "import os, sys; from agentd.plugins import smartturn; smartturn.EndOfTurn()\n"
        "print('onnxruntime' in sys.modules, len(os.listdir('/proc/self/task')))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert ran.stdout.split() == ["False", "1"]


def test_the_end_of_a_frame_of_bytes_counts() -> None:
    """A turn of 20 s is heard by its last 8."""
    runner = smartturn.SmartTurnRunner()
    speech = join([silence(12.0, RATE), recording("lv-0870"), silence(0.3, RATE)])
    frame = AudioFrame(data=speech.samples.tobytes(), sample_rate=RATE)

    whole = runner.run(encode(Heard(pcm=frame.data)))
    end = runner.run(encode(Heard(pcm=frame.data[-2 * 8 * RATE :])))

    assert whole == end
