"""Cutting text into sentences and words, also while it is still being written. Pure.

Beside it the rewriting of text on its way to a voice: without markup, without emoji, with one word
for another (`transforms`).
"""

from __future__ import annotations

from . import basic
from .base import (
    SentenceStream,
    SentenceTokenizer,
    TokenData,
    Tokenizer,
    TokenStream,
    WordStream,
    WordTokenizer,
)

__all__ = [
    "SentenceStream",
    "SentenceTokenizer",
    "TokenData",
    "TokenStream",
    "Tokenizer",
    "WordStream",
    "WordTokenizer",
    "basic",
]
