"""Tests of agentd.language."""

from __future__ import annotations

import pytest

from agentd.language import LanguageCode


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("English", "en"),
        ("eng", "en"),
        ("ger", "de"),
        ("deu", "de"),
        ("Mandarin", "zh"),
        ("en_us", "en-US"),
        ("en-us", "en-US"),
        (" pt-br ", "pt-BR"),
        ("es-419", "es-419"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("English US", "en-US"),
        ("iw", "he"),
    ],
)
def test_every_spelling_becomes_the_same_code(written: str, code: str) -> None:
    """Names, codes of two and three letters, with and without region."""
    assert LanguageCode(written) == code


@pytest.mark.parametrize("written", ["multi", "tlh", "x-klingon"])
def test_what_is_not_known_stays(written: str) -> None:
    """A provider's own words must reach it."""
    assert LanguageCode(written) == written


def test_language_and_region_can_be_told_apart() -> None:
    """A script is no region."""
    code = LanguageCode("zh_hans_cn")

    assert (code.language, code.region) == ("zh", "CN")
    assert LanguageCode("en").region is None
    assert LanguageCode("es-419").region == "419"


def test_a_code_is_a_string() -> None:
    """It can be given to whatever wants one, and made anew of itself."""
    code = LanguageCode("en-US")

    assert f"{code}" == "en-US"
    assert LanguageCode(code) == code


@pytest.mark.parametrize("written", ["", "  "])
def test_no_language_is_refused(written: str) -> None:
    """Nothing is no code."""
    with pytest.raises(ValueError, match="must not be empty"):
        LanguageCode(written)
