"""What all wrapped plugins have in common."""

from __future__ import annotations

from typing import Any

from .surroundings import Surroundings


class Wrapped:
    """A plugin of livekit's, with what it expects around it. Stands before the base class of its
    kind, and is given `_plugin` and `_around` by who is made of both."""

    _plugin: Any
    _around: Surroundings

    @property
    def wrapped(self) -> Any:
        """The plugin itself, for its own settings."""
        return self._plugin

    @property
    def model(self) -> str:
        """The model's name, as the plugin tells it."""
        return str(self._plugin.model)

    @property
    def provider(self) -> str:
        """Whose model it is, as the plugin tells it."""
        return str(self._plugin.provider)

    @property
    def circuit(self) -> str:
        """Key of its circuit breaker; none where the plugin does not tell whose model it is."""
        told = (self.provider, self.model)
        return "" if "unknown" in told else "/".join(told)

    async def aclose(self) -> None:
        """Close the plugin, and what was around it."""
        await self._plugin.aclose()
        await self._around.aclose()


class Warmed(Wrapped):
    """One that can connect before it is asked."""

    def prewarm(self) -> None:
        """Connect in the background. Does nothing before a loop runs."""
        self._around.prewarm(self._plugin.prewarm)
