"""What all models of a service have in common."""

from __future__ import annotations

from .client import Service


class Served:
    """A model by its name at a service. Stands before the base class of its kind, and is given
    `_model` and `_service` by who is made of both."""

    _model: str
    _service: Service

    @property
    def model(self) -> str:
        """Its name at the service."""
        return self._model

    @property
    def provider(self) -> str:
        """The service's host."""
        return self._service.provider

    @property
    def circuit(self) -> str:
        """Models of a service fail on their own: see `agentd.resilience`."""
        return f"{self.provider}/{self.model}"

    async def aclose(self) -> None:
        """Close its connections. May be repeated."""
        await self._service.aclose()


class Warmed(Served):
    """One that is asked by HTTP."""

    def prewarm(self) -> None:
        """Connect in the background, so that the first request has no handshakes to wait for."""
        self._service.prewarm()
