"""Tests of what is particular to agentd-flite, with its real library where that is installed."""

from __future__ import annotations

import ctypes

import pytest

from agentd.errors import APIError, ModelError
from agentd.plugins import flite
from agentd.tts import TTS
from agentd_flite import TTS as Flite
from agentd_flite.library import REMEDY, Library
from agentd_flite.runner import VOICES, pronounceable
from tests.plugins.tts_contract import SENTENCE, TTSContract, spoken


def installed() -> bool:
    """Whether Flite is on this machine."""
    try:
        Library("us_slt")
    except ModelError:
        return False
    return True


needs_flite = pytest.mark.skipif(not installed(), reason=f"Flite is missing: {REMEDY}")


@needs_flite
class TestContract(TTSContract):
    """A woman's voice."""

    loudness = (0.02, 0.35)

    def make(self) -> TTS:
        """One with its defaults."""
        return Flite()


@needs_flite
@pytest.mark.parametrize("voice", VOICES)
async def test_every_voice_speaks_with_the_rate_it_says(voice: str) -> None:
    """Those of the package."""
    async with flite.TTS(voice) as tts:
        frame = await spoken(tts, SENTENCE)

    assert 1.0 < frame.duration < 5.0
    assert frame.sample_rate == tts.sample_rate == (8000 if voice == "kal" else 16000)
    assert (tts.model, tts.provider) == (voice, "flite")


@needs_flite
async def test_a_text_that_it_can_not_read_is_an_error() -> None:
    """Rather than silence where somebody waits for an answer."""
    async with flite.TTS() as tts:
        with pytest.raises(APIError, match="gave no audio for 4 characters"):
            await spoken(tts, "你好世界")


@needs_flite
async def test_a_word_without_end_does_not_hold_it_up() -> None:
    """It would spell 3000 letters for a minute."""
    async with flite.TTS() as tts:
        assert (await spoken(tts, "x" * 3000)).duration < 120.0


def test_an_unknown_voice_is_refused() -> None:
    """The error has those that there are."""
    with pytest.raises(ValueError, match="voice must be one of slt, rms.* but is 'bob'"):
        flite.TTS("bob")


def test_without_flite_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the TTS is made, not in the first call."""

    def missing(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)

    with pytest.raises(ModelError, match=r"not installed .*: install it by: apt-get install flite"):
        flite.TTS()


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Grüße, café", "Grue, cafe"),
        ("a\0b\n c", "a b c"),
        ("“so” — 👋", "so"),
        ("你好", ""),
        ("...", ""),
    ],
)
def test_it_is_given_letters_that_it_knows(text: str, letters: str) -> None:
    """Accents are left out."""
    assert pronounceable(text) == letters
