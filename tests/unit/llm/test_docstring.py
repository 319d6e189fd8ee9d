"""What docstrings say about arguments."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.llm.docstring import Described, describe


def google(city: str, days: int) -> None:
    """Look up the weather.

    It may take a moment.

    Args:
        city (str): Where to look,
            by its full name.
        days: How many.

    Returns:
        What it is like.
    """


def numpy(city: str, days: int) -> None:
    """Look up the weather.

    It may take a moment.

    Parameters
    ----------
    city : str
        Where to look,
        by its full name.
    days
        How many.
    """


def sphinx(city: str, days: int) -> None:
    """Look up the weather.

    It may take a moment.

    :param city: Where to look,
        by its full name.
    :param int days: How many.
    :returns: What it is like.
    """


@pytest.mark.parametrize("func", [google, numpy, sphinx])
def test_each_style_is_understood(func: Any) -> None:
    """Arguments are on one line each, and not in the text."""
    assert describe(func) == Described(
        "Look up the weather.\n\nIt may take a moment.",
        {"city": "Where to look, by its full name.", "days": "How many."},
    )


def test_a_function_without_docstring_has_nothing_to_say() -> None:
    """Which is no error."""

    def plain() -> None: ...

    assert describe(plain) == Described()


def test_a_docstring_that_can_not_be_parsed_is_text() -> None:
    """Nothing of it is lost."""

    def odd() -> None:
        """Do it.

        :param
        """

    assert describe(odd) == Described("Do it.\n\n:param")


def test_text_without_arguments_is_all_text() -> None:
    """Whatever colons are in it."""

    def plain() -> None:
        """Note: this is fine. Options are: a, b."""

    assert describe(plain) == Described("Note: this is fine. Options are: a, b.")
