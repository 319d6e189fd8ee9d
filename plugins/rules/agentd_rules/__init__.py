"""A language model of rules."""
