"""Cutting text into sentences and words, also while it is still being written. Pure."""
