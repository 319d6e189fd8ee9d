"""What all models of a gateway have in common."""

from __future__ import annotations

from typing import Protocol


class Asked(Protocol):
    """A model of the plugin's, of any kind."""

    @property
    def provider(self) -> str: ...
    def prewarm(self) -> None: ...
    async def aclose(self) -> None: ...


class ByName:
    """A model that goes by the gateway's name for it. Stands before the base class of its kind,
    and is given `_name` and `_asked` by who is made of both."""

    _name: str
    _asked: Asked

    @property
    def model(self) -> str:
        """Its name, as it was given; without a language or a voice behind it."""
        return self._name

    @property
    def provider(self) -> str:
        """The host of the gateway."""
        return self._asked.provider

    @property
    def circuit(self) -> str:
        """See `agentd.resilience`."""
        return f"{self.provider}/{self.model}"

    def prewarm(self) -> None:
        """Connect in the background."""
        self._asked.prewarm()

    async def aclose(self) -> None:
        """Close its connections. May be repeated."""
        await self._asked.aclose()
