"""The scripted caller in real rooms, with an agent in this process, so without a daemon."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentd.audio.pcm import silence
from agentd.audio.similarity import similarity
from agentd.caller.call import place_call
from agentd.caller.plan import CallPlan, CallReport
from agentd.errors import CallFailed
from agentd.testing.livekit_server import LiveKitServer
from tests.support.calls import best_answer
from tests.support.recordings import recording
from tests.support.room_agent import RoomAgent, agent_in

pytestmark = [
    # The key of a development server is short, and PyJWT says so.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


def make_plan(server: LiveKitServer, **changes: Any) -> CallPlan:
    """A call with a short recording, to an agent that comes by itself."""
    plan = CallPlan(
        url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
        speech=recording("lv-0880"),
        silence_after=1.0,
        timeout=20.0,
    )
    return msgspec.structs.replace(plan, **changes)


async def test_the_answer_is_recorded_and_is_the_callers_speech(
    livekit_server: LiveKitServer,
) -> None:
    """No word is lost on the way there and back."""

    async def place(plan: CallPlan) -> CallReport:
        async with agent_in(livekit_server, plan.room, RoomAgent()):
            return await place_call(plan)

    plan = make_plan(livekit_server)

    report = await best_answer(plan, place)

    assert similarity(report.recording, plan.speech).score > 0.8
    assert not similarity(report.recording, recording("lv-0890")).is_same_speech


async def test_the_timeline_has_every_step(livekit_server: LiveKitServer) -> None:
    """From the dispatch to the end of the answer, in order, and the latencies follow from it."""
    plan = make_plan(livekit_server)

    async with agent_in(livekit_server, plan.room, RoomAgent()):
        report = await place_call(plan)

    # When the agent's own track arrives depends on how soon it publishes: it is not in the row.
    steps = [moment.step for moment in report.moments if moment.step != "track subscribed"]
    spoken = ["speech began", "speech ended", "answer began", "answer ended"]
    assert steps == ["dispatched", "joined", "listening", *spoken]
    assert report.answer_ended
    assert report.latencies.dispatch_to_track is not None
    assert report.latencies.speech_end_to_answer is not None
    assert 0 < report.latencies.speech_end_to_answer < 5000


async def test_no_agent_is_told_with_its_name(livekit_server: LiveKitServer) -> None:
    """A dispatch to a name that nobody has registered ends at the deadline and says so."""
    plan = make_plan(livekit_server, agent_name="nobody", timeout=3.0)

    with pytest.raises(CallFailed, match="is a worker registered under the name 'nobody'") as error:
        await place_call(plan)

    assert error.value.step == "joined"


async def test_a_deaf_agent_is_told(livekit_server: LiveKitServer) -> None:
    """Where the agent does not subscribe, the caller does not speak into nothing."""
    plan = make_plan(livekit_server, timeout=4.0)

    async with agent_in(livekit_server, plan.room, RoomAgent(deaf=True)):
        with pytest.raises(CallFailed, match="does not listen to the caller") as error:
            await place_call(plan)

    assert error.value.step == "listening"


async def test_an_agent_without_a_track_is_told(livekit_server: LiveKitServer) -> None:
    """No answer because there is no track to hear it on."""
    # The server announces a participant that publishes nothing only after 3 s.
    plan = make_plan(livekit_server, timeout=7.0, speech=silence(0.1, 16000))

    async with agent_in(livekit_server, plan.room, RoomAgent(mute=True)):
        with pytest.raises(CallFailed, match="has published no audio track") as error:
            await place_call(plan)

    assert error.value.step == "answer"


async def test_a_silent_agent_is_told(livekit_server: LiveKitServer) -> None:
    """No answer because nothing was said: a parrot is silent when it hears silence."""
    plan = make_plan(livekit_server, timeout=4.0, speech=silence(0.5, 16000))

    async with agent_in(livekit_server, plan.room, RoomAgent()):
        with pytest.raises(CallFailed, match="its audio track is silent"):
            await place_call(plan)


async def test_an_agent_that_leaves_ends_the_call_at_once(livekit_server: LiveKitServer) -> None:
    """The caller does not wait for a deadline when the agent is gone."""
    plan = make_plan(livekit_server, timeout=25.0, speech=silence(20.0, 16000))

    async with agent_in(livekit_server, plan.room, RoomAgent(leaves=True)):
        with pytest.raises(CallFailed, match="the agent left the room"):
            await place_call(plan)


async def test_no_server_is_told_with_its_address(livekit_server: LiveKitServer) -> None:
    """The error names the address and the setting."""
    plan = make_plan(livekit_server, url="ws://127.0.0.1:9", timeout=3.0)

    with pytest.raises(CallFailed, match="at 'ws://127.0.0.1:9'.*LIVEKIT_URL") as error:
        await place_call(plan)

    assert error.value.step == "join"


async def test_a_wrong_secret_is_told_without_the_token(livekit_server: LiveKitServer) -> None:
    """The error names the key, and has no token in it."""
    plan = make_plan(livekit_server, api_secret="wrong")

    with pytest.raises(CallFailed, match="the API key 'devkey' or its secret") as error:
        await place_call(plan)

    assert "eyJ" not in str(error.value)
