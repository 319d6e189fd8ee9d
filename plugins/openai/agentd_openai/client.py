"""The client of a service that speaks OpenAI's API: where it is, with which key, how it is kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import httpx2
import openai

from agentd.aio.tasks import TaskOwner
from agentd.credentials import credential
from agentd.errors import APIError
from agentd.given import NOT_GIVEN, NotGivenOr

from .http import CONNECT_TIMEOUT, make_http_client

__all__ = [
    "API_KEY", "CONNECT_TIMEOUT", "Key", "MakeClient", "Service", "make_client", "provider_of",
]  # fmt: skip

API_KEY = "OPENAI_API_KEY"
"""The name of the key, in the environment and in systemd's credentials."""

Key: TypeAlias = str | Callable[[], Awaitable[str]]
"""The key, or what makes one for each request."""
MakeClient: TypeAlias = Callable[[], openai.AsyncClient]


def make_client(
    *,
    api_key: NotGivenOr[Key] = NOT_GIVEN,
    base_url: NotGivenOr[str] = NOT_GIVEN,
    key_name: str = API_KEY,
) -> openai.AsyncClient:
    """A client that makes each call once: retries and deadlines are agentd's.

    Raises MissingCredential where there is no key.
    """
    return openai.AsyncClient(
        api_key=api_key if callable(api_key) else credential(key_name, api_key),
        base_url=base_url if isinstance(base_url, str) else None,
        max_retries=0,
        http_client=make_http_client(),
    )


def service_at(
    *,
    api_key: NotGivenOr[Key] = NOT_GIVEN,
    base_url: NotGivenOr[str] = NOT_GIVEN,
    client: openai.AsyncClient | None = None,
    key_name: str = API_KEY,
) -> Service:
    """The service that a model is to use: the given client's, else that of `make_client`."""
    return Service(
        client or (lambda: make_client(api_key=api_key, base_url=base_url, key_name=key_name))
    )


def provider_of(client: openai.AsyncClient) -> str:
    """Whose service it is, by its host: `api.openai.com`."""
    return urlsplit(str(client.base_url)).netloc


class Service:
    """A service's client in this process and on this event loop.

    A connection can't be used by another process or on another loop, so a model that was made
    before a fork, or that is used by one `asyncio.run` after another, has another client there.
    It is closed by `aclose`, when its model is forgotten, and at the end of the loop.
    """

    def __init__(self, make: MakeClient | openai.AsyncClient) -> None:
        """Of what makes a client, or of one that is used as it is and stays its owner's."""
        self._given = make if isinstance(make, openai.AsyncClient) else None
        self._make: MakeClient = make if not isinstance(make, openai.AsyncClient) else lambda: make
        self._client = self._make()
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._ending: AsyncGenerator[None, None] | None = None
        self.warming: asyncio.Task[None] | None = None
        """The connecting that `prewarm` has begun, or has done."""
        self._tasks = TaskOwner("openai")
        self._closed = False

    @property
    def provider(self) -> str:
        """Whose it is, by its host."""
        return provider_of(self._client)

    def client(self) -> openai.AsyncClient:
        """The client to use now, on the running loop; raises APIError once it was closed."""
        if self._closed:
            raise APIError(f"the model of {self.provider} is closed", retryable=False)
        self._settle()
        return self._client

    def prewarm(self) -> None:
        """Connect in the background, unless that was done here or calls were made.

        Without a running loop, as before a fork, nothing is done.
        """
        if self._closed or not _loop_runs() or self._home == _here():
            return
        self.warming = self._tasks.start(_connect(self.client()), name="prewarm")

    async def aclose(self) -> None:
        """Close its connections. May be repeated."""
        self._closed = True
        await self._tasks.aclose()
        if self._ending is not None:
            await self._ending.aclose()

    def _settle(self) -> None:
        """See to it that the client belongs to this process and loop."""
        here = _here()
        if self._home == here:
            return
        moved, self._home = self._home is not None, here
        if self._given is not None:
            return
        if moved:
            self._client = self._make()
        self._ending = _closing_with_the_loop(self._client)
        # Started, the loop knows of it; it gets as far as its yield without a wait.
        try:
            self._ending.asend(None).send(None)
        except StopIteration:
            pass


async def _closing_with_the_loop(client: openai.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes the client when the loop ends its generators, or when nobody holds this one.

    Users of livekit-agents close no model, and what they leave open would be told as a leak.
    """
    try:
        yield
    finally:
        await client.close()


async def _connect(client: openai.AsyncClient) -> None:
    """Any answer will do, also that there is no such page: the connection stays open."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await client.get("/", cast_to=httpx2.Response)
    except (openai.OpenAIError, TimeoutError):
        pass  # where it is not that there is no such page, the first call will tell


def _here() -> tuple[int, asyncio.AbstractEventLoop]:
    return os.getpid(), asyncio.get_running_loop()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
