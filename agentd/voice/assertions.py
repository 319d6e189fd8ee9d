"""What a test may ask of a run: `result.expect.next_event().is_message(role="assistant")`.

Each question that is answered with no raises AssertionError, and shows the run's events.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, TypeVar, overload

import msgspec

from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm.base import LLM
from agentd.llm.items import ChatRole

from .agent_base import AgentBase
from .judging import judge_message
from .run_events import (
    AgentHandoffEvent,
    ChatMessageEvent,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    RunEvent,
    RunEventType,
    describe,
)

AssertT = TypeVar("AssertT")


class EventAssert:
    """One event of a run, or the lack of one."""

    def __init__(self, events: Sequence[RunEvent], index: int) -> None:
        self._events = events
        self._index = index

    def event(self) -> RunEvent:
        """The event itself; raises AssertionError where there is none."""
        if not 0 <= self._index < len(self._events):
            self._fail("one more event")
        return self._events[self._index]

    def is_message(self, *, role: NotGivenOr[ChatRole] = NOT_GIVEN) -> ChatMessageAssert:
        """It is a message, of that role."""
        event = self.event()
        if not isinstance(event, ChatMessageEvent):
            self._fail("a message")
        if is_given(role) and event.item.role != role:
            self._fail(f"a message of role {role!r}")
        return ChatMessageAssert(self._events, self._index)

    def is_function_call(
        self,
        *,
        name: NotGivenOr[str] = NOT_GIVEN,
        arguments: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> FunctionCallAssert:
        """It is a call of that tool, with these arguments at least."""
        event = self.event()
        if not isinstance(event, FunctionCallEvent):
            self._fail("a function call")
        if is_given(name) and event.item.name != name:
            self._fail(f"a call of {name!r}")
        if is_given(arguments) and not _has(event.item.arguments, arguments):
            self._fail(f"a call with the arguments {arguments!r}")
        return FunctionCallAssert(self._events, self._index)

    def is_function_call_output(
        self, *, output: NotGivenOr[str] = NOT_GIVEN, is_error: NotGivenOr[bool] = NOT_GIVEN
    ) -> FunctionCallOutputAssert:
        """It is a tool's output, this one."""
        event = self.event()
        if not isinstance(event, FunctionCallOutputEvent):
            self._fail("the output of a function call")
        if is_given(output) and event.item.output != output:
            self._fail(f"the output {output!r}")
        if is_given(is_error) and event.item.is_error != is_error:
            self._fail("an error" if is_error else "an output that is no error")
        return FunctionCallOutputAssert(self._events, self._index)

    def is_agent_handoff(
        self, *, new_agent_type: NotGivenOr[type[AgentBase]] = NOT_GIVEN
    ) -> AgentHandoffAssert:
        """It is a handoff, to an agent of that class."""
        event = self.event()
        if not isinstance(event, AgentHandoffEvent):
            self._fail("a handoff")
        if is_given(new_agent_type) and not isinstance(event.new_agent, new_agent_type):
            self._fail(f"a handoff to {new_agent_type.__name__}")
        return AgentHandoffAssert(self._events, self._index)

    def _fail(self, wanted: str) -> NoReturn:
        raise AssertionError(f"expected {wanted} as event {self._index}\n{_list(self._events)}")


class ChatMessageAssert(EventAssert):
    """A message."""

    def event(self) -> ChatMessageEvent:
        """The event itself."""
        event = super().event()
        assert isinstance(event, ChatMessageEvent)
        return event

    async def judge(self, llm: LLM, *, intent: str) -> ChatMessageAssert:
        """A model finds that the message does what it is meant to; raises AssertionError if not."""
        text = self.event().item.text_content or ""
        verdict = await judge_message(llm, text, intent)
        if not verdict.success:
            raise AssertionError(
                f"judged: {verdict.reason}\nintent: {intent}\nmessage: {text}\n"
                f"{_list(self._events)}"
            )
        return self


class FunctionCallAssert(EventAssert):
    """A call of a tool."""

    def event(self) -> FunctionCallEvent:
        """The event itself."""
        event = super().event()
        assert isinstance(event, FunctionCallEvent)
        return event


class FunctionCallOutputAssert(EventAssert):
    """A tool's output."""

    def event(self) -> FunctionCallOutputEvent:
        """The event itself."""
        event = super().event()
        assert isinstance(event, FunctionCallOutputEvent)
        return event


class AgentHandoffAssert(EventAssert):
    """A handoff."""

    def event(self) -> AgentHandoffEvent:
        """The event itself."""
        event = super().event()
        assert isinstance(event, AgentHandoffEvent)
        return event


class EventRangeAssert:
    """Several events: at least one of them is as asked."""

    def __init__(self, events: Sequence[RunEvent], start: int, stop: int) -> None:
        self._events = events
        self._places = range(start, stop)

    def __len__(self) -> int:
        return len(self._places)

    def contains_message(self, *, role: NotGivenOr[ChatRole] = NOT_GIVEN) -> ChatMessageAssert:
        """The first message, of that role."""
        return self._first("a message", lambda event: event.is_message(role=role))

    def contains_function_call(
        self,
        *,
        name: NotGivenOr[str] = NOT_GIVEN,
        arguments: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> FunctionCallAssert:
        """The first call of that tool, with these arguments at least."""
        return self._first(
            f"a call of {name!r}",
            lambda event: event.is_function_call(name=name, arguments=arguments),
        )

    def contains_function_call_output(
        self, *, output: NotGivenOr[str] = NOT_GIVEN, is_error: NotGivenOr[bool] = NOT_GIVEN
    ) -> FunctionCallOutputAssert:
        """The first such output."""
        return self._first(
            "such an output",
            lambda event: event.is_function_call_output(output=output, is_error=is_error),
        )

    def contains_agent_handoff(
        self, *, new_agent_type: NotGivenOr[type[AgentBase]] = NOT_GIVEN
    ) -> AgentHandoffAssert:
        """The first handoff, to an agent of that class."""
        return self._first(
            "such a handoff", lambda event: event.is_agent_handoff(new_agent_type=new_agent_type)
        )

    def _first(self, wanted: str, ask: Callable[[EventAssert], AssertT]) -> AssertT:
        for place in self._places:
            try:
                return ask(EventAssert(self._events, place))
            except AssertionError:
                continue
        raise AssertionError(
            f"expected {wanted} among events {self._places.start} to {self._places.stop - 1}\n"
            f"{_list(self._events)}"
        )


class RunAssert(EventRangeAssert):
    """All events of a run, with a place from which `next_event` goes on."""

    def __init__(self, events: Sequence[RunEvent]) -> None:
        super().__init__(events, 0, len(events))
        self._at = 0

    @overload
    def __getitem__(self, place: int) -> EventAssert: ...
    @overload
    def __getitem__(self, place: slice) -> EventRangeAssert: ...
    def __getitem__(self, place: int | slice) -> EventAssert | EventRangeAssert:
        if isinstance(place, slice):
            start, stop, _ = place.indices(len(self._events))
            return EventRangeAssert(self._events, start, stop)
        index = place + len(self._events) if place < 0 else place
        event = EventAssert(self._events, index)
        event.event()
        return event

    @overload
    def next_event(self, type: None = None) -> EventAssert: ...
    @overload
    def next_event(self, type: Literal["message"]) -> ChatMessageAssert: ...
    @overload
    def next_event(self, type: Literal["function_call"]) -> FunctionCallAssert: ...
    @overload
    def next_event(self, type: Literal["function_call_output"]) -> FunctionCallOutputAssert: ...
    @overload
    def next_event(self, type: Literal["agent_handoff"]) -> AgentHandoffAssert: ...
    def next_event(self, type: RunEventType | None = None) -> EventAssert:
        """The next event; with a type the next of that type, those before it being passed over."""
        while True:
            event = EventAssert(self._events, self._at)
            found = event.event()  # raises at the end
            self._at += 1
            if type is None:
                return event
            if found.type == type:
                return _ASSERTS[type](self._events, self._at - 1)

    def skip_next(self, count: int = 1) -> RunAssert:
        """Pass over so many events; raises AssertionError where there are fewer."""
        for _ in range(count):
            self.next_event()
        return self

    def skip_next_event_if(
        self,
        *,
        type: RunEventType,
        role: NotGivenOr[ChatRole] = NOT_GIVEN,
        name: NotGivenOr[str] = NOT_GIVEN,
        arguments: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
        output: NotGivenOr[str] = NOT_GIVEN,
        is_error: NotGivenOr[bool] = NOT_GIVEN,
        new_agent_type: NotGivenOr[builtins.type[AgentBase]] = NOT_GIVEN,
    ) -> EventAssert | None:
        """Pass over the next event if it is as told, and give it; else leave it, and give None."""
        event = EventAssert(self._events, self._at)
        ask: dict[RunEventType, Callable[[], EventAssert]] = {
            "message": lambda: event.is_message(role=role),
            "function_call": lambda: event.is_function_call(name=name, arguments=arguments),
            "function_call_output": lambda: event.is_function_call_output(
                output=output, is_error=is_error
            ),
            "agent_handoff": lambda: event.is_agent_handoff(new_agent_type=new_agent_type),
        }
        try:
            found = ask[type]()
        except AssertionError:
            return None
        self._at += 1
        return found

    def no_more_events(self) -> None:
        """There is none behind those that were looked at."""
        if self._at < len(self._events):
            raise AssertionError(f"expected no event {self._at}\n{_list(self._events)}")


_ASSERTS: dict[RunEventType, type[EventAssert]] = {
    "message": ChatMessageAssert,
    "function_call": FunctionCallAssert,
    "function_call_output": FunctionCallOutputAssert,
    "agent_handoff": AgentHandoffAssert,
}


def _has(arguments: str, wanted: dict[str, Any]) -> bool:
    try:
        given = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return False
    return isinstance(given, dict) and all(
        name in given and given[name] == value for name, value in wanted.items()
    )


def _list(events: Sequence[RunEvent]) -> str:
    lines = [f"  {at}: {describe(event)}" for at, event in enumerate(events)]
    return "\n".join(["the events are:", *lines] if lines else ["there are no events"])
