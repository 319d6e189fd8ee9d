"""The tokenizers that come with agentd, under the names that users of livekit-agents know."""

from __future__ import annotations

from .paragraphs import tokenize_paragraphs
from .sentences import SentenceTokenizer
from .words import WordTokenizer, count_syllables, hyphenate_word

__all__ = [
    "SentenceTokenizer",
    "WordTokenizer",
    "count_syllables",
    "hyphenate_word",
    "tokenize_paragraphs",
]
