"""A session from within: its supervision tree, its agents, its start and its end."""
