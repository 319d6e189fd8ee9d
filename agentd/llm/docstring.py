"""What a docstring says about a function and its arguments: Google's, numpy's or Sphinx's style."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import docstring_parser
from msgspec import Struct


class Described(Struct, frozen=True):
    """A docstring in its parts."""

    text: str = ""
    """What comes before arguments, results and the like."""
    arguments: dict[str, str] = {}
    """What is said about each, on one line."""


def describe(func: Callable[..., Any]) -> Described:
    """Read a function's docstring; one that can't be parsed is text as a whole."""
    text = inspect.getdoc(func) or ""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return Described(text)
    arguments = {
        param.arg_name: " ".join((param.description or "").split()) for param in parsed.params
    }
    return Described((parsed.description or "").strip(), arguments)
