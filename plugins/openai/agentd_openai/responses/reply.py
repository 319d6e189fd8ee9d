"""A streamed response, as what agentd hands out. Pure, but for its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseErrorEvent,
    ResponseFailedEvent,
    ResponseFunctionToolCall,
    ResponseIncompleteEvent,
    ResponseOutputItemDoneEvent,
    ResponseRefusalDeltaEvent,
    ResponseStreamEvent,
    ResponseTextDeltaEvent,
)

from agentd.errors import APIConnectionError, APIError
from agentd.llm import ChatChunk, ChoiceDelta, CompletionUsage, FunctionToolCall

logger = logging.getLogger("agentd.llm")

MOMENTARY = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout"})
"""Codes of failures that may be over a moment later."""


class Reply:
    """Takes the events of one attempt. Calls are handed out together, at its end."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.response_id = ""
        self.text = ""
        """What was said."""
        self.calls: list[FunctionToolCall] = []
        self._refusal = ""
        self._ended: Response | None = None

    def take(self, event: ResponseStreamEvent) -> ChatChunk:
        """What can be handed out of an event; one without text is a sign of life all the same.

        Raises APIError for the event of a failure.
        """
        delta: ChoiceDelta | None = None
        match event:
            case ResponseCreatedEvent():
                self.response_id = event.response.id
            case ResponseTextDeltaEvent():
                delta = ChoiceDelta(content=event.delta)
            case ResponseRefusalDeltaEvent():
                self._refusal += event.delta
                delta = ChoiceDelta(content=event.delta, extra={"refusal": self._refusal})
            case ResponseOutputItemDoneEvent(item=ResponseFunctionToolCall() as call):
                self.calls.append(_call(call))
            case ResponseCompletedEvent() | ResponseIncompleteEvent():
                self._ended = event.response
            case ResponseFailedEvent() | ResponseErrorEvent():
                raise self._failure(event)
            case _:
                pass  # the work of the provider's tools, thoughts, and what will be new one day
        self.text += (delta.content or "") if delta is not None else ""
        return ChatChunk(id=self.response_id, delta=delta)

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end by itself."""
        return self._ended is not None and self._ended.incomplete_details is None

    def finish(self) -> Iterator[ChatChunk]:
        """The rest, now that the stream has ended; raises APIError where the reply is not whole."""
        response = self._ended
        if response is None:
            raise APIConnectionError(f"{self._label} broke off in the middle of a reply")
        if response.incomplete_details is not None:
            self._cut_off(response.incomplete_details.reason or "unknown")
        if self.calls:
            yield ChatChunk(delta=ChoiceDelta(tool_calls=self.calls))
        if (usage := response.usage) is not None:
            yield ChatChunk(
                usage=CompletionUsage(
                    prompt_tokens=usage.input_tokens,
                    completion_tokens=usage.output_tokens,
                    prompt_cached_tokens=usage.input_tokens_details.cached_tokens,
                    total_tokens=usage.total_tokens,
                )
            )

    def _cut_off(self, reason: str) -> None:
        # A call that was cut off is never done, so that those that are here are whole.
        if not self.text and not self.calls:
            raise APIError(f"{self._label} gave no reply: {reason}", retryable=False)
        logger.warning(
            "a reply was cut off by the service: what there is of it is used",
            extra={"action": "reply_cut_off", "model": self._label, "reason": reason},
        )

    def _failure(self, event: ResponseFailedEvent | ResponseErrorEvent) -> APIError:
        error = event if isinstance(event, ResponseErrorEvent) else event.response.error
        if error is None:
            return APIError(f"{self._label} failed and does not say why")
        return APIError(
            f"{self._label} failed: {error.message}",
            body={"code": error.code, "message": error.message},
            retryable=error.code is None or error.code in MOMENTARY,
        )


def _call(call: ResponseFunctionToolCall) -> FunctionToolCall:
    return FunctionToolCall(name=call.name, arguments=call.arguments, call_id=call.call_id)
