"""A storm of faults over real calls, and an oracle that knows what must hold after each."""
