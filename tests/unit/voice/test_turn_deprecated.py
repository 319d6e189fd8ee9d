"""The old keywords of turn handling."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from agentd.given import NOT_GIVEN
from agentd.voice.turns.deprecated import turn_handling_from_keywords

OLD: dict[str, tuple[Any, dict[str, Any]]] = {
    "min_endpointing_delay": (0.4, {"endpointing": {"min_delay": 0.4}}),
    "max_endpointing_delay": (4.0, {"endpointing": {"max_delay": 4.0}}),
    "turn_detection": ("manual", {"turn_detection": "manual"}),
    "allow_interruptions": (False, {"interruption": {"enabled": False}}),
    "min_interruption_duration": (1.0, {"interruption": {"min_duration": 1.0}}),
    "min_interruption_words": (2, {"interruption": {"min_words": 2}}),
    "discard_audio_if_uninterruptible": (
        False,
        {"interruption": {"discard_audio_if_uninterruptible": False}},
    ),
    "resume_false_interruption": (False, {"interruption": {"resume_false_interruption": False}}),
    "false_interruption_timeout": (
        None,
        {"interruption": {"false_interruption_timeout": None}},
    ),
    "agent_false_interruption_timeout": (
        1.0,
        {"interruption": {"false_interruption_timeout": 1.0}},
    ),
}


@pytest.mark.parametrize("keyword", OLD)
def test_an_old_keyword_means_its_new_place(keyword: str) -> None:
    """And it warns, naming both."""
    value, options = OLD[keyword]

    with pytest.warns(DeprecationWarning, match=rf"{keyword} is deprecated.*turn_handling\["):
        assert turn_handling_from_keywords({keyword: value}) == options


@pytest.mark.parametrize(
    ("given", "options"),
    [(False, {"enabled": False}), ({"preemptive_tts": True}, {"preemptive_tts": True})],
    ids=str,
)
def test_preemptive_generation_was_a_bool_or_options(given: Any, options: Any) -> None:
    """Both are taken."""
    with pytest.warns(DeprecationWarning, match="preemptive_generation"):
        handling = turn_handling_from_keywords({"preemptive_generation": given})

    assert handling == {"preemptive_generation": options}


def test_turn_handling_counts_alone_where_it_is_given() -> None:
    """The old keywords beside it are only warned of."""
    with pytest.warns(DeprecationWarning, match="min_endpointing_delay"):
        handling = turn_handling_from_keywords(
            {"min_endpointing_delay": 0.1}, {"endpointing": {"max_delay": 5.0}}
        )

    assert handling == {"endpointing": {"max_delay": 5.0}}


def test_keywords_that_are_not_given_say_nothing() -> None:
    """No options, and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert turn_handling_from_keywords({"turn_detection": NOT_GIVEN}) == {}
