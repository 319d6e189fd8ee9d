"""The HTTP client of a job, for the user's code and for plugins."""

from __future__ import annotations

import aiohttp


class HttpClient:
    """Made on first use, so that a job without requests pays nothing."""

    def __init__(self, proxy: str) -> None:
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client; the daemon's proxy is its default. A new one where it was closed."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(proxy=self._proxy or None)
        return self._session

    async def aclose(self) -> None:
        """Close its connections. May be repeated."""
        if self._session is not None:
            await self._session.close()
