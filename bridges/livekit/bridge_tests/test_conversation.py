"""A whole session of agentd on models of livekit.plugins."""

from __future__ import annotations

from livekit.plugins import openai, silero

import example
from agentd.aio.bell import Bell
from agentd.aio.timing import now, within
from agentd.audio.frame import silent_frame
from agentd.llm import function_tool
from agentd.testing import FakeCall, FakeTTS, Scene
from agentd.testing.mock_openai import MockOpenAI
from agentd.voice.agent import Agent
from agentd_livekit import wrap

KEY = "sk-nobody"
DEADLINE = 20.0


class Clerk(Agent):
    """Has a tool."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a clerk.")

    @function_tool
    async def price(self, item: str) -> str:
        """Tell what something costs."""
        return f"{item} costs 3"


async def test_a_conversation_on_bridged_models() -> None:
    """Language model, its tool, and voice: asked in text, answered in sound."""
    async with MockOpenAI() as api:
        api.chat.script.set(
            by_input={
                "how much": FakeCall("price", {"item": "tea"}),
                "tea costs 3": "Tea is three euros.",
            }
        )
        api.speech.tts = FakeTTS()
        llm = wrap(openai.LLM(model="mock", base_url=api.base_url, api_key=KEY))
        voice = openai.TTS(base_url=api.base_url, api_key=KEY, response_format="pcm")
        tts = wrap(voice)
        scene = Scene(Clerk(), llm=llm, tts=tts, user_away_timeout=None)
        bell = Bell()
        scene.session.on("agent_state_changed", lambda event: bell.ring())
        scene.session.on("conversation_item_added", lambda event: bell.ring())
        async with scene:
            scene.session.generate_reply(user_input="how much")
            await within(
                now() + DEADLINE,
                bell.until(lambda: "assistant: Tea is three euros." in scene.history()),
            )
        await llm.aclose()
        await tts.aclose()

    assert scene.lines("error") == []
    assert scene.lines("tools") == ['tools: price({"item":"tea"}) = tea costs 3']
    assert sum(segment.seconds for segment in scene.loudspeaker.segments) > 0.5
    assert api.speech.finished == ["Tea is three euros."]


async def test_silence_is_heard_as_silence_by_the_bridged_detector() -> None:
    """As a session feeds it: in frames of 20 ms, without patience."""
    stream = wrap(silero.VAD.load()).stream(sample_rate=48000)

    events = [event for _ in range(50) for event in stream.push(silent_frame(0.02, 48000).data)]

    assert events == []


def test_the_example_can_be_loaded() -> None:
    """It makes its models in the job; its server is there at once."""
    assert example.server is not None
