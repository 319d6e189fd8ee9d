"""What every realtime model must do. A plugin's test class derives from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pytest

from agentd.audio.frame import from_samples
from agentd.llm import ChatContext, FunctionCall, FunctionCallOutput, function_tool
from agentd.realtime import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    RealtimeModel,
)
from agentd.testing import FakeCall, FakeReply
from tests.support.realtime import Talk, hear, push_in_frames, tone

Scripted = str | FakeCall | FakeReply


@function_tool
async def price(item: str) -> str:
    """Tell what something costs."""
    return f"{item} costs 3"


class RealtimeContract(ABC):
    """Every test is run against the model that `make` gives."""

    @abstractmethod
    def make(
        self,
        replies: Sequence[Scripted] = (),
        *,
        hears: Sequence[str] = (),
        takes_turns: bool = True,
        speaks: bool = True,
    ) -> RealtimeModel:
        """A model whose service says and hears these, one after the other."""

    @pytest.fixture
    async def service(self) -> None:
        """What the model needs to be there."""
        return

    # -- turns that the model takes ----------------------------------------------------------

    async def test_speech_is_noticed_understood_and_answered(self, service: None) -> None:
        """The beginning, the end, the words, and a reply that nobody asked for."""
        async with Talk(self.make(["I am fine."], hears=["how are you"]).session()) as talk:
            talk.speak()
            heard = await talk.answer()
            await talk.until(lambda: any(event.is_final for event in finals(talk)))

        assert heard.text == "I am fine."
        assert talk.all(GenerationCreated)[0].user_initiated is False
        assert [event.transcript for event in finals(talk) if event.is_final] == ["how are you"]
        kinds = [type(event) for event in talk.events]
        assert kinds.index(InputSpeechStarted) < kinds.index(InputSpeechStopped)

    async def test_one_turn_after_the_other(self, service: None) -> None:
        """Each has its own words and its own reply."""
        model = self.make(["First.", "Second."], hears=["one", "two"])
        async with Talk(model.session()) as talk:
            talk.speak()
            first = await talk.answer(1)
            talk.speak()
            second = await talk.answer(2)
            await talk.until(lambda: len([e for e in finals(talk) if e.is_final]) == 2)

        assert (first.text, second.text) == ("First.", "Second.")
        assert [event.transcript for event in finals(talk) if event.is_final] == ["one", "two"]

    async def test_audio_of_another_kind_is_understood_as_well(self, service: None) -> None:
        """Stereo at 48 kHz, as it comes from a room."""
        async with Talk(self.make(["Yes."], hears=["hello"]).session()) as talk:
            for frame in (tone(0.6, 48000), from_samples(np.zeros(57600, np.int16), 48000)):
                stereo = np.repeat(frame.samples[:, None], 2, axis=1)
                push_in_frames(talk.session, from_samples(stereo, 48000))
            heard = await talk.answer()

        assert heard.text == "Yes."

    async def test_silence_is_no_turn(self, service: None) -> None:
        """Nothing is noticed, and nothing answered."""
        async with Talk(self.make(["Yes."]).session()) as talk:
            talk.speak(0.0, silence=3.0)
            await hear(await talk.session.generate_reply())

        assert talk.all(InputSpeechStarted) == []
        assert talk.all(InputSpeechStopped) == []

    # -- turns by hand -----------------------------------------------------------------------

    async def test_a_turn_by_hand_is_understood_when_it_is_committed(self, service: None) -> None:
        """And answered when a reply is asked for."""
        model = self.make(["I am fine."], hears=["how are you"], takes_turns=False)
        async with Talk(model.session()) as talk:
            talk.speak()
            talk.session.commit_audio()
            heard = await hear(await talk.session.generate_reply())
            await talk.until(lambda: any(event.is_final for event in finals(talk)))

        assert model.capabilities.turn_detection is False
        assert heard.text == "I am fine."
        assert talk.all(InputSpeechStarted) == []

    # -- replies that are asked for ------------------------------------------------------------

    async def test_a_reply_is_made_when_it_is_asked_for(self, service: None) -> None:
        """With its text, and audio of some length."""
        async with Talk(self.make(["Good day to you."]).session()) as talk:
            generation = await talk.session.generate_reply(instructions="Greet.")
            heard = await hear(generation)

        assert generation.user_initiated
        assert generation.response_id
        assert (heard.text, heard.error) == ("Good day to you.", None)
        assert heard.seconds > 0.3
        assert heard.calls == []

    async def test_it_writes_where_it_does_not_speak(self, service: None) -> None:
        """Then a message has no audio, and says so."""
        model = self.make(["I write."], speaks=False)
        async with Talk(model.session()) as talk:
            heard = await hear(await talk.session.generate_reply())

        assert model.capabilities.audio_output is False
        assert (heard.text, heard.seconds) == ("I write.", 0.0)

    async def test_a_tool_is_called_with_whole_arguments(self, service: None) -> None:
        """Several at once, too."""
        calls = (FakeCall("price", {"item": "tea"}), FakeCall("price", {"item": "milk"}))
        async with Talk(self.make([FakeReply(calls=calls)]).session()) as talk:
            await talk.session.update_tools([price])
            heard = await hear(await talk.session.generate_reply())

        assert heard.calls == ['price({"item":"tea"})', 'price({"item":"milk"})']

    async def test_it_may_say_something_and_call_a_tool(self, service: None) -> None:
        """In one response."""
        reply = FakeReply(text="One moment.", calls=(FakeCall("price", {"item": "tea"}),))
        async with Talk(self.make([reply]).session()) as talk:
            await talk.session.update_tools([price])
            heard = await hear(await talk.session.generate_reply())

        assert (heard.text, len(heard.calls)) == ("One moment.", 1)

    async def test_it_goes_on_after_a_tool(self, service: None) -> None:
        """Once it has been told of call and output."""
        model = self.make([FakeCall("price", {"item": "tea"}, "call_1"), "Tea is 3."])
        async with Talk(model.session()) as talk:
            await talk.session.update_tools([price])
            await hear(await talk.session.generate_reply())
            call = FunctionCall(call_id="call_1", name="price", arguments='{"item":"tea"}')
            output = FunctionCallOutput(call_id="call_1", name="price", output="tea costs 3")
            await talk.session.update_chat_ctx(ChatContext([call, output]))
            heard = await hear(await talk.session.generate_reply())

        assert heard.text == "Tea is 3."

    async def test_it_may_be_interrupted_at_any_time(self, service: None) -> None:
        """While it says nothing, while it speaks, and told how far it was heard."""
        async with Talk(
            self.make(["A long story about a king.", "As you like."]).session()
        ) as talk:
            talk.session.interrupt()
            generation = await talk.session.generate_reply()
            message = await anext(aiter(generation.message_stream))
            talk.session.interrupt()
            talk.session.truncate(
                message_id=message.message_id,
                modalities=("text", "audio"),
                audio_end=0.1,
                transcript="A long",
            )
            heard = await hear(await talk.session.generate_reply())

        assert heard.text == "As you like."

    # -- what it knows ---------------------------------------------------------------------------

    async def test_it_may_be_told_everything_before_it_is_read(self, service: None) -> None:
        """As a session does, which then begins to read."""
        session = self.make(["Yes."]).session()
        chat_ctx = ChatContext.empty()
        chat_ctx.add_message(role="user", content="Hello.")
        await session.update_instructions("You are a clerk.")
        await session.update_chat_ctx(chat_ctx)
        await session.update_tools([price])
        session.update_options(tool_choice="auto")
        session.push_audio(tone(0.1))

        async with Talk(session) as talk:
            heard = await hear(await talk.session.generate_reply())

        assert heard.text == "Yes."

    async def test_it_may_be_told_other_things_at_any_time(self, service: None) -> None:
        """It goes on with them."""
        async with Talk(self.make(["One.", "Two."]).session()) as talk:
            await hear(await talk.session.generate_reply())
            await talk.session.update_instructions("You are a poet.")
            await talk.session.update_tools([price])
            await talk.session.update_tools([])
            talk.session.update_options(tool_choice="none")
            chat_ctx = ChatContext.empty()
            chat_ctx.add_message(role="system", content="Speak German.")
            await talk.session.update_chat_ctx(chat_ctx)
            await talk.session.update_chat_ctx(ChatContext.empty())
            heard = await hear(await talk.session.generate_reply())

        assert heard.text == "Two."

    # -- its life ----------------------------------------------------------------------------------

    async def test_sessions_do_not_know_of_each_other(self, service: None) -> None:
        """What one is asked is answered there."""
        model = self.make(["One.", "Two."])
        async with Talk(model.session()) as first, Talk(model.session()) as second:
            one = await hear(await first.session.generate_reply())
            two = await hear(await second.session.generate_reply())

        assert (one.text, two.text) == ("One.", "Two.")

    async def test_it_can_be_closed_again_and_again(self, service: None) -> None:
        """Its events end; also without ever having been read."""
        model = self.make()
        unread = model.session()
        async with Talk(model.session()) as talk:
            await talk.session.aclose()
            await talk.session.aclose()
            failure = await talk.end()

        await unread.aclose()
        await unread.aclose()
        await model.aclose()
        await model.aclose()
        assert failure is None

    async def test_it_names_itself(self, service: None) -> None:
        """For logs, metrics and bills."""
        model = self.make()

        assert "unknown" not in (model.model, model.provider)
        assert model.label.endswith(type(model).__qualname__)
        assert model.session().model is model


def finals(talk: Talk) -> list[InputTranscriptionCompleted]:
    """What the user was understood to say, as it became known."""
    return talk.all(InputTranscriptionCompleted)
