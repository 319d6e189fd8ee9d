"""Speech to text: the interface of a plugin, its events, and adapters around one."""
