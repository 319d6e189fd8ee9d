"""What needs no server: the server itself is in tests/server/test_reconcile.py."""

from __future__ import annotations

import asyncio

import pytest
from livekit.protocol import agent

from agentd.dispatch.roomapi import RoomApi, dispatch_of
from agentd.errors import RoomApiError, RoomGone
from agentd.settings.model import LiveKitSettings
from agentd.testing.ports import free_ports


def test_a_job_knows_its_dispatch() -> None:
    """And bytes that are no job, or a job of none, have none."""
    job = agent.Job(id="AJ_1", dispatch_id="AD_1").SerializeToString()

    assert dispatch_of(job) == "AD_1"
    assert dispatch_of(b"\xff\xff") == ""
    assert dispatch_of(b"") == ""


async def test_a_server_that_is_not_there_is_one_error_of_ours() -> None:
    """It says nothing about a room, so it is no RoomGone."""
    url = f"ws://127.0.0.1:{free_ports().http}"
    client = RoomApi(LiveKitSettings(url=url, api_key="key", api_secret="s" * 32))
    try:
        with pytest.raises(RoomApiError) as raised:
            await client.list_rooms()
    finally:
        await client.aclose()

    assert not isinstance(raised.value, RoomGone)


async def test_a_server_that_is_silent_is_given_up_in_time() -> None:
    """It took the connection, and says nothing."""
    ended = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = LiveKitSettings(url=f"ws://127.0.0.1:{port}", api_key="key", api_secret="s" * 32)
    client = RoomApi(settings, timeout=0.2)
    try:
        with pytest.raises(RoomApiError, match="no answer within"):
            await client.remove_participant("r", "somebody")
    finally:
        await client.aclose()
        server.close()
        await asyncio.wait_for(ended.wait(), 5)
