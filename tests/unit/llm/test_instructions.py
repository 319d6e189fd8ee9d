"""Instructions with something for speech and for text."""

from __future__ import annotations

import logging

import pytest

from agentd.llm import Instructions


def test_an_addition_counts_in_its_own_modality_only() -> None:
    """Without one, only what is common."""
    made = Instructions("be kind", audio="be short", text="use lists")

    assert made.render() == "be kind"
    assert made.render(modality="audio") == "be kind\n\nbe short"
    assert made.render(modality="text") == "be kind\n\nuse lists"
    assert str(made) == "be kind"


def test_what_changes_comes_last_and_is_not_static() -> None:
    """So that what comes before can be cached."""
    made = Instructions("be kind", audio="be short", dynamic="it is noon")

    assert made.render(modality="audio") == "be kind\n\nbe short\nit is noon"
    assert made.render_static(modality="audio") == "be kind\n\nbe short"


def test_placeholders_are_filled_and_other_braces_stay() -> None:
    """Instructions often have JSON in them."""
    made = Instructions('You are {name}. Answer as {"a": 1}.', dynamic="Today is {day}.")

    filled = made.render(data={"name": "Eve", "day": 3})

    assert filled == 'You are Eve. Answer as {"a": 1}.\nToday is 3.'
    assert made.render() == 'You are {name}. Answer as {"a": 1}.\nToday is {day}.'


def test_a_placeholder_without_a_value_is_empty_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the log, by its name."""
    caplog.set_level(logging.WARNING)

    assert Instructions("Hi {name}!").render(data={}) == "Hi !"

    assert [record.__dict__["placeholder"] for record in caplog.records] == ["name"]


def test_a_template_of_plain_values_is_a_plain_text() -> None:
    """Nothing is left of the template."""
    assert Instructions.resolve_template("Ask for {what}.", what="a name") == Instructions(
        "Ask for a name."
    )


def test_a_template_takes_over_the_variants_of_its_values() -> None:
    """Each into the same modality."""
    made = Instructions.resolve_template(
        "Collect it. {extra} {end}", extra=Instructions("Ask.", audio="Slowly."), end="Bye."
    )

    assert made.render(modality="audio") == "Collect it. Ask.\n\nSlowly. Bye."
    assert made.render(modality="text") == "Collect it. Ask. Bye."
    assert made.render() == "Collect it. Ask. Bye."
