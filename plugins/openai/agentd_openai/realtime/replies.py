"""The responses of a session: asked for, begun, followed event by event, cut off, given up."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Protocol

from msgspec import Struct
from openai.types.realtime import (
    RealtimeResponse,
    RealtimeServerEvent,
    ResponseAudioDeltaEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)

from agentd.aio.bell import Bell
from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APIError, APITimeoutError
from agentd.ids import shortuuid
from agentd.realtime import GenerationCreated

from .conversation import Conversation
from .following import Said, follow, note
from .options import RealtimeOptions
from .response import Response
from .wire import (
    ACTIVE_RESPONSE,
    REQUEST,
    ClientEvent,
    cancel_response,
    create_response,
    delete_item,
)

logger = logging.getLogger("agentd.openai")

MAX_TRIES = 2
"""Of one request: on the connection that it was made on, and on the next."""
MAX_REMEMBERED = 128
"""Of requests and responses that are of no interest any more, and whose events may be late."""
BUSY_PAUSE = 0.05
"""Seconds before a request is made again that met a response that we may not know of."""
MAX_EARLY = 256
"""Events of responses that have not begun."""


class Host(Protocol):
    """The session, as its responses know it."""

    def send(self, event: ClientEvent) -> bool:
        """Send an event; says whether there is a connection."""

    def begun(self, generation: GenerationCreated) -> None:
        """The service has begun a response of itself."""

    def finished(self, response: Response, told: RealtimeResponse) -> None:
        """A response is over."""


class Request(Struct, kw_only=True, eq=False):
    """A response that was asked for and has not begun."""

    id: str
    params: dict[str, Any]
    answer: asyncio.Future[GenerationCreated] | None = None
    """Who waits for it; nobody, where the service would have answered of itself."""
    response: Response | None = None
    """The one that goes on with it, where it had begun on a connection that was lost."""
    event_id: str = ""
    tries: int = 0


class Replies:
    """One response at a time, as the service has it; see RealtimeSession for what is asked."""

    def __init__(
        self, host: Host, options: RealtimeOptions, conversation: Conversation, *, label: str
    ) -> None:
        self.options = options
        self._host = host
        self._conversation = conversation
        self._label = label
        self._requests: dict[str, Request] = {}
        self._dropped: OrderedDict[str, None] = OrderedDict()
        """Requests that nobody waits for any more, and responses that nobody wants."""
        self._early: dict[str, list[Said]] = {}
        self._current: Response | None = None
        self._params: dict[str, Any] = {}
        """What the current one was asked with."""
        self._timer: asyncio.TimerHandle | None = None
        self._ended_by: APIError | None = None
        self._bell = Bell()

    @property
    def is_idle(self) -> bool:
        """Whether no response is under way or asked for."""
        return self._current is None and not self._requests

    async def idle(self) -> None:
        """Wait until it is so."""
        await self._bell.until(lambda: self.is_idle)

    # -- what is asked -----------------------------------------------------------------------

    async def ask(self, params: dict[str, Any]) -> GenerationCreated:
        """Have a response made; returns when it begins. Raises APIError."""
        if self._ended_by is not None:
            raise self._ended_by
        deadline_at = now() + self.options.response_timeout
        request = Request(id=shortuuid("request_"), params=params)
        try:
            async with asyncio.timeout_at(deadline_at):
                while True:
                    await self.idle()
                    if self._ended_by is not None:
                        raise self._ended_by
                    request.answer = asyncio.get_running_loop().create_future()
                    self._requests[request.id] = request
                    self._send(request)
                    try:
                        return await request.answer
                    except _Busy:
                        request.tries = 0
                        await asyncio.sleep(BUSY_PAUSE)
                    finally:
                        self._forget(request)
        except TimeoutError as error:
            if isinstance(error, APIError):
                raise
            raise APITimeoutError(f"{self._label} did not begin a response in time") from error

    def interrupt(self) -> None:
        """Cut off what is said; whatever comes of it is of no interest."""
        response = self._current
        if response is None or response.ended:
            return
        response.end()
        self._host.send(cancel_response(response.id))

    def ask_again(self) -> None:
        """Have the service answer what it would have answered unasked, had it not been lost."""
        request = Request(id=shortuuid("request_"), params={})
        self._requests[request.id] = request

    # -- connections -------------------------------------------------------------------------

    def lost(self) -> None:
        """The connection is gone, and with it what was under way."""
        self._early.clear()
        response, self._current = self._current, None
        self._set_timer(None)
        if response is None:
            return
        if response.is_empty and not response.ended:
            again = Request(id=shortuuid("request_"), params=self._params, response=response)
            again.tries = 1
            self._requests[again.id] = again
            response.begin_again()
            self._touch(response)
        else:
            self._end_messages(response)
            response.end(cut_off=True)
        self._bell.ring()

    def restored(self) -> None:
        """There is another one: ask again for what had not begun."""
        for request in list(self._requests.values()):
            if request.tries < MAX_TRIES:
                self._send(request)
            else:
                self._fail(
                    request, APIConnectionError(f"{self._label} lost the connection repeatedly")
                )

    def given_up(self, error: APIError) -> None:
        """There will be no other connection."""
        self._ended_by = self._ended_by or error
        self._set_timer(None)
        for request in list(self._requests.values()):
            self._fail(request, error)
        response, self._current = self._current, None
        if response is not None:
            response.end(error, cut_off=True)

    # -- what comes --------------------------------------------------------------------------

    def refused(self, event_id: str, code: str, error: APIError) -> bool:
        """The service refuses an event; says whether it was a request of a response."""
        for request in list(self._requests.values()):
            if request.event_id == event_id:
                self._fail(request, _Busy() if code == ACTIVE_RESPONSE else error)
                return True
        return False

    def take(self, event: RealtimeServerEvent) -> bool:
        """An event of the service; says whether it was about a response."""
        match event:
            case ResponseCreatedEvent():
                self._begin(event.response)
            case ResponseDoneEvent():
                self._done(event.response)
            case (
                ResponseAudioDeltaEvent()
                | ResponseAudioTranscriptDeltaEvent()
                | ResponseAudioTranscriptDoneEvent()
                | ResponseTextDeltaEvent()
                | ResponseTextDoneEvent()
                | ResponseOutputItemAddedEvent()
                | ResponseOutputItemDoneEvent()
                | ResponseFunctionCallArgumentsDoneEvent()
            ):
                self._follow(event)
            case _:
                return False
        return True

    def _begin(self, told: RealtimeResponse) -> None:
        response_id = told.id or ""
        if self._current is not None and self._current.id == response_id:
            return
        name = (told.metadata or {}).get(REQUEST, "")
        request = self._request_of(name)
        if request is None and (name or response_id in self._dropped):
            # Its asker has gone meanwhile, or it is long over.
            self._drop(response_id)
            self._host.send(cancel_response(response_id))
            return
        if self._current is not None:  # the event that ended it was lost
            self._current.end(cut_off=True)
        self._conversation.settle()
        response = request.response if request is not None else None
        if response is None:
            asked = request is not None and request.answer is not None
            response = Response(spoken=self.options.speaks, user_initiated=asked)
        response.id = response_id
        self._current = response
        self._params = request.params if request is not None else {}
        self._touch(response)
        self._announce(response, request)
        for event in self._early.pop(response_id, ()):
            self._follow(event)

    def _announce(self, response: Response, request: Request | None) -> None:
        if request is not None:
            self._requests.pop(request.id, None)
        if request is not None and request.answer is not None:
            if not request.answer.done():
                request.answer.set_result(response.generation(response.id))
        elif request is None or request.response is None:
            self._host.begun(response.generation(response.id))

    def _request_of(self, name: str) -> Request | None:
        if not self.options.echoes_metadata and not name:
            return next(iter(self._requests.values()), None)
        return self._requests.get(name)

    def _follow(self, event: Said) -> None:
        response = self._current
        if response is None or response.id != event.response_id:
            self._keep_early(event)
            return
        self._touch(response)
        response.note_first()
        try:
            follow(response, event, self._conversation)
        except APIError as error:  # it does not end
            response.end(error, cut_off=True)
            self._host.send(cancel_response(response.id))

    def _done(self, told: RealtimeResponse) -> None:
        response = self._current
        response_id = told.id or ""
        if response is None or response.id != response_id:
            self._tidy(told)
            return
        self._current = None
        self._set_timer(None)
        self._drop(response_id)
        response.over = True
        self._end_messages(response)
        response.end(self._failure(told), cut_off=told.status in ("failed", "cancelled"))
        self._host.finished(response, told)
        self._bell.ring()

    def _tidy(self, told: RealtimeResponse) -> None:
        """A response that nobody wanted: nobody has heard it, and it is not to be remembered."""
        if (told.id or "") not in self._dropped:
            return
        for item in told.output or ():
            if item.id and self._conversation.get(item.id) is not None:
                self._conversation.deleted(item.id)
                self._host.send(delete_item(item.id))

    def _failure(self, told: RealtimeResponse) -> APIError | None:
        details = told.status_details
        if told.status != "failed":
            return None
        error = details.error if details is not None else None
        code = (error.code or error.type or "") if error is not None else ""
        why = getattr(error, "message", None) or code
        return APIError(f"{self._label} failed to respond ({code}): {why}", body=code)

    # -- inside ------------------------------------------------------------------------------

    def _send(self, request: Request) -> None:
        event = create_response(
            {**request.params, "metadata": {REQUEST: request.id}}  # type: ignore[typeddict-item]  # as the SDK's type, see `session.generate_reply`
        )
        request.event_id = event.get("event_id", "")
        if self._host.send(event):
            request.tries += 1
            if request.response is not None:
                self._touch(request.response)

    def _forget(self, request: Request) -> None:
        """Nobody waits for it: a response that comes late is of no interest."""
        if self._requests.pop(request.id, None) is not None:
            self._drop(request.id)
            self._bell.ring()

    def _fail(self, request: Request, error: Exception) -> None:
        self._requests.pop(request.id, None)
        if request.answer is not None and not request.answer.done():
            request.answer.set_exception(error)
        if request.response is not None and isinstance(error, APIError):
            request.response.end(error)
        self._bell.ring()

    def _drop(self, name: str) -> None:
        self._dropped[name] = None
        while len(self._dropped) > MAX_REMEMBERED:
            self._dropped.popitem(last=False)

    def _keep_early(self, event: Said) -> None:
        if event.response_id in self._dropped:
            return
        if sum(len(events) for events in self._early.values()) < MAX_EARLY:
            self._early.setdefault(event.response_id, []).append(event)

    def _end_messages(self, response: Response) -> None:
        for message in response.messages.values():
            note(message, self._conversation)

    # -- one that does not go on -------------------------------------------------------------

    def _touch(self, response: Response) -> None:
        response.last_event_at = now()
        if self._timer is None:
            self._set_timer(response)

    def _set_timer(self, response: Response | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if response is not None:
            at = response.last_event_at + self.options.response_timeout
            self._timer = asyncio.get_running_loop().call_at(at, self._look_at, response)

    def _look_at(self, response: Response) -> None:
        """Give up a response of which nothing has come for too long."""
        self._timer = None
        if response.over:
            return
        if now() < response.last_event_at + self.options.response_timeout:
            self._set_timer(response)
            return
        logger.warning(
            "a response of the realtime model does not go on: it is given up",
            extra={"action": "realtime_response_stalled", "response": response.id},
        )
        self._host.send(cancel_response(response.id))
        self._drop(response.id)
        for request in list(self._requests.values()):
            if request.response is response:
                self._forget(request)
        if self._current is response:
            self._current = None
        response.over = True
        self._end_messages(response)
        response.end(
            APITimeoutError(f"{self._label} did not go on with a response in time"), cut_off=True
        )
        self._bell.ring()


class _Busy(Exception):
    """The service makes a response of its own: ask again after it."""
