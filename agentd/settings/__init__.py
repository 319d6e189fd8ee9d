"""Settings: what can be set, where a value came from, and the only reader of the environment."""
