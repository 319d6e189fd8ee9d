"""Text to speech: the interface of a plugin, its events, and adapters around one."""
