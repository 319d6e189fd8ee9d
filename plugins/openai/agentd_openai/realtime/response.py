"""One response while it comes: its messages, their text and audio, and its calls."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from typing import TypeVar

from agentd.aio.channel import Channel
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import APIError, ChannelClosed, ReplyTooLong, WouldBlock
from agentd.llm.events import FunctionToolCall
from agentd.realtime import GenerationCreated, MessageGeneration

from .hearing import seconds_of
from .wire import RATE

T = TypeVar("T")

MAX_PIECES = 8192
"""Of text or audio of one message that wait to be played: a quarter of an hour and more."""
MAX_MESSAGES = 64
MAX_CALLS = 512


class Message:
    """What is said in one go."""

    def __init__(self, item_id: str, *, spoken: bool) -> None:
        self.item_id = item_id
        self.text = ""
        self.audio_seconds = 0.0
        self._text: Channel[str] = Channel(MAX_PIECES)
        self._audio: Channel[AudioFrame] = Channel(MAX_PIECES)
        self._odd = b""
        self.generation = MessageGeneration(
            message_id=item_id,
            text=self._text,
            audio=self._audio,
            modalities=("text", "audio") if spoken else ("text",),
        )

    def write(self, delta: str) -> None:
        """More text."""
        self.text += delta
        _put(self._text, delta)

    def complete(self, text: str) -> None:
        """The whole text: its end, if that did not come.

        A piece that was lost in the middle can't be said any more, but the service remembers it.
        """
        if len(text) > len(self.text) and text.startswith(self.text):
            self.write(text[len(self.text) :])
        elif text:
            self.text = text

    def sound(self, delta: str) -> None:
        """More audio, in base64; a piece may end in the middle of a sample."""
        try:
            data = self._odd + base64.b64decode(delta, validate=True)
        except (binascii.Error, ValueError):
            return  # no audio: the rest may be
        whole = len(data) - len(data) % 2
        self._odd = data[whole:]
        if whole:
            self.audio_seconds += seconds_of(data[:whole])
            _put(self._audio, AudioFrame(data=data[:whole], sample_rate=RATE))

    def end(self, *, cut_off: bool = False) -> None:
        """No more of it comes. May be repeated."""
        if not self._text.closed:
            self.generation.cut_off = cut_off
        self._text.close()
        self._audio.close()


class Response:
    """All of one response. Lives on when it is asked for again on another connection."""

    def __init__(self, *, spoken: bool, user_initiated: bool) -> None:
        self.id = ""
        """The service's name for it, once it has begun."""
        self.asked_at = now()
        self.first_at: float | None = None
        self.last_event_at = self.asked_at
        self.ended = False
        """Nobody is given anything of it any more."""
        self.over = False
        """The service is through with it."""
        self.messages: dict[str, Message] = {}
        self._spoken = spoken
        self._user_initiated = user_initiated
        self._names: dict[str, tuple[str, str]] = {}
        self._called: set[str] = set()
        self._messages: Channel[MessageGeneration] = Channel(MAX_MESSAGES)
        self._calls: Channel[FunctionToolCall] = Channel(MAX_CALLS)
        self._failure: APIError | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it has said and called nothing yet."""
        said = any(message.text or message.audio_seconds for message in self.messages.values())
        return not said and not self._called

    def generation(self, response_id: str) -> GenerationCreated:
        """What is told of its beginning."""
        return GenerationCreated(
            response_id=response_id,
            messages=self._stream(),
            function_calls=self._calls,
            user_initiated=self._user_initiated,
        )

    def message(self, item_id: str) -> Message:
        """The message of an item, which begins now if it is the first that is heard of it."""
        known = self.messages.get(item_id)
        if known is None:
            known = self.messages[item_id] = Message(item_id, spoken=self._spoken)
            if self.ended:
                known.end(cut_off=True)
            else:
                _put(self._messages, known.generation)
        return known

    def note_first(self) -> None:
        """Something of it has come."""
        if self.first_at is None:
            self.first_at = now()

    def expect_call(self, item_id: str, name: str, call_id: str) -> None:
        """A call begins, of which the arguments are to come."""
        self._names[item_id] = (name, call_id)

    def call(
        self, item_id: str, *, name: str, call_id: str, arguments: str
    ) -> FunctionToolCall | None:
        """A call is complete; gives it, unless it was told before or has no name."""
        known = self._names.get(item_id, ("", ""))
        name, call_id = name or known[0], call_id or known[1]
        if not name or call_id in self._called:
            return None
        self._called.add(call_id)
        made = FunctionToolCall(name=name, arguments=arguments, call_id=call_id)
        if not self.ended:
            _put(self._calls, made)
        return made

    def begin_again(self) -> None:
        """It is asked for on another connection, where its messages have other names."""
        for message in self.messages.values():
            message.end()
        self.messages.clear()
        self._names.clear()

    def end(self, failure: APIError | None = None, *, cut_off: bool = False) -> None:
        """Nothing more comes. A failure is raised to who waits for messages. May be repeated."""
        if self.ended:
            return
        self.ended = True
        self._failure = failure
        for message in self.messages.values():
            message.end(cut_off=cut_off)
        self._messages.close()
        self._calls.close()

    async def _stream(self) -> AsyncIterator[MessageGeneration]:
        async for message in self._messages:
            yield message
        if self._failure is not None:
            raise self._failure


def _put(channel: Channel[T], piece: T) -> None:
    """Raises ReplyTooLong where nobody takes what comes, or it does not end."""
    try:
        channel.send_nowait(piece)
    except ChannelClosed:
        return  # it was interrupted, and what is still on its way is of no interest
    except WouldBlock:
        raise ReplyTooLong(f"more than {MAX_PIECES} pieces of a reply wait to be played") from None
