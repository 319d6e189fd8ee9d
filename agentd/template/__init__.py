"""The process that imports the user's app once and then only forks children from itself."""
