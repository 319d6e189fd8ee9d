"""Tests of agentd.protocol.models: how a model is named."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentd.protocol.models import ModelRef

REF = ModelRef(name="ear", target="ears.runner:Runner", options={"a": 1, "b": None})


@pytest.mark.parametrize("other", [{"options": {"b": None, "a": 1}}, {"threads": 3}])
def test_what_is_the_same_model_has_the_same_key(other: dict[str, object]) -> None:
    """In whatever order its options are, and however many copies are wanted."""
    assert replace(REF, **other).key == REF.key


@pytest.mark.parametrize(
    "other", [{"options": {"a": 2, "b": None}}, {"options": {}}, {"target": "ears.runner:Other"}]
)
def test_what_is_another_model_has_another_key(other: dict[str, object]) -> None:
    """A wrong voice must not answer."""
    assert replace(REF, **other).key != REF.key


def test_a_key_can_be_read_and_listed() -> None:
    """It is shown to people, and stands in a variable with spaces between."""
    assert REF.key.startswith("ear-")
    assert " " not in REF.key


@pytest.mark.parametrize("target", ["ears", "ears:", ":Runner", ""])
def test_a_target_that_names_no_callable_is_refused(target: str) -> None:
    """When the app is imported, not when the model is to be loaded."""
    with pytest.raises(ValueError, match=r"must be 'package.module:callable'"):
        replace(REF, target=target).check()


def test_no_threads_are_refused() -> None:
    """Nobody would answer."""
    with pytest.raises(ValueError, match="1 or more, but is 0"):
        replace(REF, threads=0).check()
