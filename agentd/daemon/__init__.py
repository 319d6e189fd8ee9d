"""Assembles the daemon from settings and runs it until it is told to stop. No logic of its own."""
