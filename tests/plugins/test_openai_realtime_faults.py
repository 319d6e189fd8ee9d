"""A realtime service that misbehaves: what becomes of the reply, the conversation and the call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentd.aio.timing import now, within
from agentd.audio.frame import silent_frame
from agentd.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from agentd.llm import ChatContext, ChatMessage
from agentd.realtime import (
    GenerationCreated,
    InputTranscriptionCompleted,
    RealtimeError,
    SessionReconnected,
)
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeCall
from agentd.testing.mock_openai import (
    HttpFault,
    HttpFaultKind,
    MockOpenAI,
    RealtimeFault,
    RealtimeFaultKind,
)
from agentd_openai.realtime import RealtimeModel, connection
from agentd_openai.realtime.hearing import Hearing
from agentd_openai.realtime.outbox import Outbox
from agentd_openai.realtime.session import Session
from agentd_openai.realtime.wire import commit
from tests.support.realtime import RATE, Heard, Talk, hear, push_in_frames, tone

KINDS = RealtimeFaultKind
STORY = "A long story about a king who lived in a castle."
QUICK = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=2.0)


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


def make(api: MockOpenAI, **options: Any) -> RealtimeModel:
    """A model of it that is quick to give up."""
    usual: dict[str, Any] = {
        "base_url": api.base_url,
        "api_key": "sk-nobody",
        "conn_options": QUICK,
        "response_timeout": 1.0,
    }
    return RealtimeModel(**usual | options)


async def connected(talk: Talk) -> None:
    """Both sides know of their connection."""
    assert isinstance(talk.session, Session)
    await within(now() + 5.0, talk.session.connected())


async def reply_with(api: MockOpenAI, kind: KINDS, text: str = STORY, **how: Any) -> Heard:
    """What is heard of a reply that fails in some way."""
    api.realtime.script.set([text], faults=[RealtimeFault(kind=kind, **how)])
    async with Talk(make(api).session()) as talk:
        return await hear(await talk.session.generate_reply())


# -- events that are odd -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        RealtimeFault(kind=KINDS.LATE, seconds=0.1),
        RealtimeFault(kind=KINDS.OUT_OF_ORDER),
        RealtimeFault(kind=KINDS.DUPLICATED),
        RealtimeFault(kind=KINDS.ODD_BYTES),
        RealtimeFault(kind=KINDS.ERROR),
        RealtimeFault(kind=KINDS.SLOW, seconds=0.01),
    ],
    ids=lambda fault: fault.kind.value,
)
async def test_a_reply_is_whole_in_spite_of(api: MockOpenAI, fault: RealtimeFault) -> None:
    """All of its text once, and all of its audio."""
    api.realtime.script.set([STORY, "And then?"], faults=[fault])
    async with Talk(make(api).session()) as talk:
        heard = await hear(await talk.session.generate_reply())
        after = await hear(await talk.session.generate_reply())

    assert (heard.text, heard.seconds, heard.error) == (STORY, 2.4, None)
    assert (after.text, after.seconds) == ("And then?", 0.45)
    assert len(api.realtime.connections) == 1


async def test_a_call_is_made_once_though_it_is_told_twice(api: MockOpenAI) -> None:
    """Each event comes twice, and the item tells it once more."""
    call = FakeCall("price", {"item": "tea"})
    api.realtime.script.set([call], faults=[RealtimeFault(kind=KINDS.DUPLICATED)])
    async with Talk(make(api).session()) as talk:
        heard = await hear(await talk.session.generate_reply())

    assert heard.calls == ['price({"item":"tea"})']


async def test_an_event_that_is_cut_costs_no_more_than_itself(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """A tenth of a second of audio is missing, and no word."""
    heard = await reply_with(api, KINDS.CUT_TEXT)

    assert (heard.text, heard.seconds, heard.error) == (STORY, 2.3, None)
    assert "realtime_event_unreadable" in {getattr(line, "action", "") for line in caplog.records}


async def test_an_error_that_the_service_gets_over_is_told(api: MockOpenAI) -> None:
    """As one to be got over."""
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.fail("server_error")
        told = await talk.event(RealtimeError)

    assert told.recoverable
    assert "server_error" in str(told.error)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "response.created", "event_id": "odd"}',
        '{"type": "response.output_item.done", "event_id": "odd", "response_id": "nobody"}',
        '{"type": "conversation.item.added", "event_id": "odd"}',
        '{"type": "error", "event_id": "odd"}',
        '{"type": "what.nobody.knows", "event_id": "odd"}',
        "[1, 2]",
        "",
    ],
)
async def test_an_event_that_lacks_what_it_should_have_is_left_out(
    api: MockOpenAI, text: str
) -> None:
    """The session goes on, on the same connection."""
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.send_text(text)
        heard = await hear(await talk.session.generate_reply())

    assert heard.text == "Yes."
    assert (len(api.realtime.connections), talk.failure) == (1, None)


async def test_a_refused_key_in_an_event_ends_the_session(api: MockOpenAI) -> None:
    """As one that is refused with a status."""
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.fail("invalid_api_key", kind="invalid_request_error")
        failure = await talk.end()

    assert isinstance(failure, APIError)
    assert not failure.retryable


async def test_words_that_could_not_be_transcribed_are_told_as_an_error(api: MockOpenAI) -> None:
    """The reply comes all the same."""
    api.realtime.script.set(["I am fine."], hears=[None])
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        talk.speak()
        heard = await talk.answer()
        told = await talk.event(RealtimeError)

    assert heard.text == "I am fine."
    assert told.recoverable


# -- responses that fail -------------------------------------------------------------------------


async def test_a_response_that_has_failed_says_why(api: MockOpenAI) -> None:
    """What was said of it is kept, as cut off; the next one is made."""
    api.realtime.script.set(
        [STORY, "And then?"],
        faults=[RealtimeFault(kind=KINDS.FAILED, after=2, code="inference_rate_limit")],
    )
    async with Talk(make(api).session()) as talk:
        heard = await hear(await talk.session.generate_reply())
        after = await hear(await talk.session.generate_reply())

    assert isinstance(heard.error, APIError)
    assert "inference_rate_limit" in str(heard.error)
    assert (heard.seconds, heard.cut_off) == (0.2, True)
    assert after.text == "And then?"


async def test_a_response_that_does_not_go_on_is_given_up(api: MockOpenAI) -> None:
    """In its time; it is cancelled at the service, and the next one is made."""
    api.realtime.script.set([STORY, "And then?"], faults=[RealtimeFault(kind=KINDS.STALL, after=3)])
    async with Talk(make(api, response_timeout=0.3).session()) as talk:
        heard = await hear(await talk.session.generate_reply())
        after = await hear(await talk.session.generate_reply())

    assert isinstance(heard.error, APITimeoutError)
    assert (heard.seconds, heard.cut_off) == (0.3, True)
    assert after.text == "And then?"


# -- connections that are lost -------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012])
async def test_a_conversation_goes_on_on_another_connection(api: MockOpenAI, code: int) -> None:
    """With all that was said, by whom, and in its order; and with the settings."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await talk.session.update_instructions("You are a clerk.")
        await talk.session.update_chat_ctx(history("Hello."))
        talk.speak()
        await talk.answer()
        await talk.until(lambda: any(e.is_final for e in talk.all(InputTranscriptionCompleted)))
        await api.realtime.current.close(code)
        await talk.event(SessionReconnected)
        heard = await hear(await talk.session.generate_reply())

    again = api.realtime.connections[1]
    assert again.session["instructions"] == "You are a clerk."
    assert again.conversation.words() == [
        "user: Hello.",
        "user: how are you",
        "assistant: I am fine.",
        "assistant: Yes.",
    ]
    assert heard.text == "Yes."
    assert talk.failure is None


@pytest.mark.parametrize(
    "fault",
    [
        RealtimeFault(kind=KINDS.CLOSE, after=3, close_code=1001),
        RealtimeFault(kind=KINDS.CLOSE, after=3, close_code=1011),
        RealtimeFault(kind=KINDS.CLOSE, after=3, close_code=1006),
        RealtimeFault(kind=KINDS.CUT_FRAME, after=3),
        RealtimeFault(kind=KINDS.EXPIRED, after=3),
    ],
    ids=lambda fault: f"{fault.kind.value}-{fault.close_code}",
)
async def test_a_reply_that_is_cut_is_kept_as_far_as_it_was_heard(
    api: MockOpenAI, fault: RealtimeFault
) -> None:
    """It ends, is told to have been cut off, and is not said again."""
    api.realtime.script.set([STORY, "Where was I?"], faults=[fault])
    async with Talk(make(api).session()) as talk:
        heard = await hear(await talk.session.generate_reply())
        talk.session.truncate(
            message_id=heard.message_ids[0],
            modalities=("text", "audio"),
            audio_end=0.2,
            transcript="A long",
        )
        await talk.event(SessionReconnected)
        after = await hear(await talk.session.generate_reply())

    assert (heard.seconds, heard.cut_off, heard.error) == (0.3, True, None)
    assert STORY.startswith(heard.text)
    assert api.realtime.connections[1].conversation.words() == [
        "assistant: A long",
        "assistant: Where was I?",
    ]
    assert after.text == "Where was I?"


async def test_a_reply_that_had_not_begun_is_asked_for_again(api: MockOpenAI) -> None:
    """Who waits for it has it, from the other connection."""
    api.realtime.script.set(
        faults=[RealtimeFault(kind=KINDS.CLOSE, after=0), None], replies=[STORY, STORY]
    )
    async with Talk(make(api).session()) as talk:
        await talk.session.update_instructions("You are a clerk.")
        heard = await hear(await talk.session.generate_reply(instructions="Greet."))

    assert (heard.text, heard.seconds, heard.error) == (STORY, 2.4, None)
    (asked,) = api.realtime.connections[1].asked("response.create")
    assert asked["response"]["instructions"] == "You are a clerk.\n\nGreet."


async def test_a_reply_is_not_asked_for_for_ever(api: MockOpenAI) -> None:
    """Where the other connection breaks at the same place, it fails."""
    api.realtime.script.set(faults=[RealtimeFault(kind=KINDS.CLOSE, after=0)] * 3)
    async with Talk(make(api).session()) as talk:
        heard = await hear(await talk.session.generate_reply())

    assert isinstance(heard.error, APIConnectionError)


async def test_who_is_cut_off_while_he_speaks_is_understood(api: MockOpenAI) -> None:
    """The other connection hears him from where he began, and answers once."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        talk.speak(1.0, silence=0.0)
        first = api.realtime.current
        await first.until(lambda: "input_audio_buffer.speech_started" in first.sent)
        await first.close(1006)
        talk.speak(0.5)
        heard = await talk.answer()
        await talk.until(lambda: any(e.is_final for e in talk.all(InputTranscriptionCompleted)))

    again = api.realtime.connections[1]
    assert heard.text == "I am fine."
    assert again.conversation.words() == ["user: how are you", "assistant: I am fine."]
    assert len(again.hearing.heard) / 48000 >= 1.5
    assert len(talk.all(GenerationCreated)) == 1


async def test_what_the_user_has_said_is_answered_after_all(api: MockOpenAI) -> None:
    """The connection is cut between the end of his turn and the answer."""
    api.realtime.script.set(
        ["I am fine."], hears=["how are you"], faults=[RealtimeFault(kind=KINDS.NEVER)]
    )
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        talk.speak()
        await talk.until(lambda: any(e.is_final for e in talk.all(InputTranscriptionCompleted)))
        await api.realtime.current.close(1011)
        heard = await talk.answer()

    assert heard.text == "I am fine."
    assert talk.all(GenerationCreated)[0].user_initiated is False
    assert api.realtime.connections[1].conversation.words() == [
        "user: how are you",
        "assistant: I am fine.",
    ]


async def test_a_turn_by_hand_is_committed_again(api: MockOpenAI) -> None:
    """Where it was not understood before the connection was lost."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Talk(make(api, turn_detection=None).session()) as talk:
        await connected(talk)
        talk.speak()
        await api.realtime.current.close(1006)
        talk.session.commit_audio()
        heard = await hear(await talk.session.generate_reply())
        await talk.until(lambda: any(e.is_final for e in talk.all(InputTranscriptionCompleted)))

    assert heard.text == "I am fine."
    assert api.realtime.connections[1].conversation.words() == [
        "user: how are you",
        "assistant: I am fine.",
    ]


async def test_a_connection_that_does_not_answer_a_ping_is_lost(
    api: MockOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes over it, and nothing says so."""
    monkeypatch.setattr(connection, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(connection, "PONG_WAIT", 0.1)
    monkeypatch.setattr(connection, "CLOSE_WAIT", 0.1)
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        api.realtime.current.freeze()
        await talk.event(SessionReconnected)
        heard = await hear(await talk.session.generate_reply())

    assert heard.text == "Yes."


async def test_changes_meanwhile_hold_on_the_next_connection(api: MockOpenAI) -> None:
    """They are asked for while there is none, and raise nothing."""
    api.realtime.faults.add(None, HttpFault(kind=HttpFaultKind.STATUS, status=500))
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.close(1001)
        await talk.event(RealtimeError)
        await talk.session.update_instructions("You are a poet.")
        await talk.session.update_chat_ctx(history("Hello.", "Good day."))
        await talk.event(SessionReconnected)
        await hear(await talk.session.generate_reply())

    again = api.realtime.connections[1]
    assert again.session["instructions"] == "You are a poet."
    assert again.conversation.words() == ["user: Hello.", "user: Good day.", "assistant: Yes."]


def test_audio_without_a_connection_is_kept_for_some_seconds() -> None:
    """The oldest is dropped, and counted."""
    hearing = Hearing(by_hand=False)

    for _ in range(20):
        hearing.push(silent_frame(1.0, RATE))

    kept = [chunk for chunk in hearing.moved() if chunk is not None]
    assert sum(len(chunk) for chunk in kept) / 48000 == pytest.approx(5.0, abs=0.1)
    assert hearing.dropped_seconds == pytest.approx(15.0, abs=0.1)


async def test_audio_that_can_not_be_sent_in_time_is_dropped() -> None:
    """The oldest of it, and nothing else: what was asked goes out in its order."""
    outbox = Outbox()
    for _ in range(8):
        outbox.put_audio(bytes(48000))
    outbox.put(commit())
    outbox.put_audio(bytes(48000))

    sent = [(await outbox.take())["type"] for _ in range(len(outbox))]

    assert sent == ["input_audio_buffer.append"] * 4 + [
        "input_audio_buffer.commit",
        "input_audio_buffer.append",
    ]
    assert outbox.dropped_seconds == pytest.approx(4.0)


# -- connections that can't be opened ------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        HttpFault(kind=HttpFaultKind.STATUS, status=429, retry_after=0.1),
        HttpFault(kind=HttpFaultKind.STATUS, status=500),
        HttpFault(kind=HttpFaultKind.STATUS, status=503),
        HttpFault(kind=HttpFaultKind.RESET),
        HttpFault(kind=HttpFaultKind.SLOW_FIRST_BYTE, seconds=0.1),
        HttpFault(kind=HttpFaultKind.STALL, seconds=30.0),
        HttpFault(kind=HttpFaultKind.WRONG_TYPE),
    ],
    ids=lambda fault: f"{fault.kind.value}-{fault.status}",
)
async def test_a_handshake_is_tried_again_after(api: MockOpenAI, fault: HttpFault) -> None:
    """What is asked meanwhile waits for it."""
    api.realtime.faults.add(fault)
    options = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=0.5)
    async with Talk(make(api, conn_options=options).session()) as talk:
        heard = await hear(await talk.session.generate_reply())

    assert heard.text == "Yes."
    assert talk.failure is None


async def test_a_wrong_key_ends_the_session(api: MockOpenAI) -> None:
    """At once: it would be wrong the next time, too."""
    api.realtime.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=401))
    async with Talk(make(api).session()) as talk:
        failure = await talk.end()
        with pytest.raises(APIError):
            await talk.session.generate_reply()

    assert isinstance(failure, APIStatusError)
    assert (failure.status_code, failure.retryable) == (401, False)
    assert len(api.realtime.requests) == 1


async def test_a_service_that_stays_away_ends_the_session(api: MockOpenAI) -> None:
    """After as many tries as its options allow; who waits for a reply hears of it."""
    api.realtime.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=503))
    async with Talk(make(api).session()) as talk:
        with pytest.raises(APIStatusError):
            await talk.session.generate_reply()
        failure = await talk.end()

    assert isinstance(failure, APIStatusError)
    assert len(api.realtime.requests) == 3


async def test_a_service_that_does_not_come_back_ends_the_session(api: MockOpenAI) -> None:
    """What is under way ends."""
    api.realtime.faults.add(None)
    api.realtime.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=503))
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.close(1011)
        failure = await talk.end()

    assert isinstance(failure, APIStatusError)
    assert failure.status_code == 503


async def test_a_refusal_for_good_ends_the_session(api: MockOpenAI) -> None:
    """By the code that the service closes with."""
    async with Talk(make(api).session()) as talk:
        await connected(talk)
        await api.realtime.current.close(3000)
        failure = await talk.end()

    assert isinstance(failure, APIConnectionError)
    assert not failure.retryable
    assert len(api.realtime.connections) == 1


async def test_settings_that_are_refused_end_the_session(api: MockOpenAI) -> None:
    """They would be refused on each connection."""
    async with Talk(make(api, speed="quick").session()) as talk:
        failure = await talk.end()

    assert isinstance(failure, APIError)
    assert not failure.retryable
    assert "invalid_value" in str(failure)


async def test_a_connection_that_breaks_again_and_again_is_given_up(api: MockOpenAI) -> None:
    """It opens each time, so opening alone is no success."""
    api.realtime.script.time_limit = 0.01
    async with Talk(make(api).session()) as talk:
        failure = await talk.end()

    assert isinstance(failure, APIConnectionError)
    assert len(api.realtime.connections) == 3


# -- renewal -------------------------------------------------------------------------------------


async def test_a_session_is_renewed_before_its_time_is_over(api: MockOpenAI) -> None:
    """Another connection has all that was said; the first is closed, and nobody is told."""
    api.realtime.script.set(["I am fine."], hears=["how are you", "go on"])
    async with Talk(make(api, max_session_duration=1.5).session()) as talk:
        await connected(talk)
        await talk.session.update_chat_ctx(history("Hello."))
        talk.speak()
        await talk.answer()
        first = api.realtime.connections[0]
        await first.until(first.closed.is_set)
        talk.speak()
        heard = await talk.answer(2)
        await talk.until(lambda: count_finals(talk) == 2)

    assert len(api.realtime.connections) == 2
    assert api.realtime.connections[1].conversation.words() == [
        "user: Hello.",
        "user: how are you",
        "assistant: I am fine.",
        "user: go on",
        "assistant: Yes.",
    ]
    assert heard.text == "Yes."
    assert talk.all(RealtimeError) + talk.all(SessionReconnected) == []


async def test_a_renewal_waits_for_the_end_of_a_reply(api: MockOpenAI) -> None:
    """All of it is heard, without a seam; the next is made on the new connection."""
    api.realtime.script.pause = 0.02
    api.realtime.script.set([STORY])
    async with Talk(make(api, max_session_duration=0.2).session()) as talk:
        await connected(talk)
        heard = await hear(await talk.session.generate_reply())
        first = api.realtime.connections[0]
        was_open = not first.closed.is_set()
        ready = len(api.realtime.connections)
        await first.until(first.closed.is_set)
        after = await hear(await talk.session.generate_reply())

    assert (heard.text, heard.seconds, heard.cut_off) == (STORY, 2.4, False)
    assert (was_open, ready) == (True, 2)
    assert after.text == "Yes."
    assert api.realtime.connections[1].conversation.words()[0] == f"assistant: {STORY}"


async def test_a_renewal_waits_for_the_end_of_a_turn(api: MockOpenAI) -> None:
    """What the user says is understood whole, once, and by one of both."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Talk(make(api, max_session_duration=0.2).session()) as talk:
        await connected(talk)
        talk.speak(0.5, silence=0.0)
        first = api.realtime.connections[0]
        await first.until(lambda: "input_audio_buffer.speech_started" in first.sent)
        await api.realtime.connected(2)
        was_open = not first.closed.is_set()
        talk.speak(0.5)
        heard = await talk.answer()
        await first.until(first.closed.is_set)

    assert was_open
    assert heard.text == "I am fine."
    assert count_finals(talk) == 1
    assert len(talk.all(GenerationCreated)) == 1


async def test_a_renewal_does_not_wait_for_ever(api: MockOpenAI) -> None:
    """Who speaks on is heard by the new connection from where he began."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    model = make(api, max_session_duration=0.1, renew_deadline=0.2)
    async with Talk(model.session()) as talk:
        await connected(talk)
        talk.speak(0.5, silence=0.0)
        first = api.realtime.connections[0]
        await first.until(first.closed.is_set)
        talk.speak(0.5)
        heard = await talk.answer()

    assert heard.text == "I am fine."
    assert api.realtime.connections[1].conversation.words()[-1] == "assistant: I am fine."


async def test_what_changes_while_a_renewal_waits_is_known_after_it(api: MockOpenAI) -> None:
    """Settings, items, and what was heard of a message."""
    api.realtime.script.pause = 0.02
    api.realtime.script.set([STORY])
    async with Talk(make(api, max_session_duration=0.1).session()) as talk:
        await connected(talk)
        await talk.session.update_chat_ctx(history("Hello.", "Good day."))
        generation = await talk.session.generate_reply()
        await api.realtime.connected(2)
        await talk.session.update_instructions("You are a poet.")
        await talk.session.update_chat_ctx(history("Hello.", "What is new?"))
        heard = await hear(generation)
        first, second = api.realtime.connections
        await first.until(first.closed.is_set)
        talk.session.truncate(
            message_id=heard.message_ids[0],
            modalities=("text", "audio"),
            audio_end=0.2,
            transcript="A long",
        )
        await talk.session.update_tools([])

    assert second.session["instructions"] == "You are a poet."
    assert second.conversation.words() == [
        "user: Hello.",
        "assistant: A long",
        "user: What is new?",
    ]
    assert talk.all(RealtimeError) == []


async def test_a_renewal_that_fails_costs_nothing(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """The old connection goes on."""
    api.realtime.faults.add(None)
    api.realtime.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=503))
    async with Talk(make(api, max_session_duration=0.05).session()) as talk:
        await connected(talk)
        await within(now() + 5.0, api.wait_for_requests(2))
        heard = await hear(await talk.session.generate_reply())

    assert heard.text == "Yes."
    assert talk.all(RealtimeError) == []
    assert "realtime_renewal_failed" in {getattr(line, "action", "") for line in caplog.records}


async def test_closing_in_the_middle_of_a_renewal_leaves_no_connection(api: MockOpenAI) -> None:
    """Neither the old one nor the new."""
    async with Talk(make(api, max_session_duration=0.05).session()) as talk:
        await connected(talk)
        push_in_frames(talk.session, tone(0.5))
        await api.realtime.connected(2)

    for one in api.realtime.connections:
        await one.until(one.closed.is_set)


def history(*texts: str) -> ChatContext:
    """What the user has said; a text is its own id."""
    return ChatContext(
        [
            ChatMessage(role="user", content=[text], id=f"item_{hash(text) & 0xFFFF}")
            for text in texts
        ]
    )


def count_finals(talk: Talk) -> int:
    """How often the user was understood."""
    return len([event for event in talk.all(InputTranscriptionCompleted) if event.is_final])
