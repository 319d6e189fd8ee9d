"""Errors of models, as calls to services make them."""

from __future__ import annotations

import pytest

from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ModelError,
    ReplyTooLong,
    StopResponse,
    ToolError,
    create_api_error_from_http,
)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (422, False),
        (429, True),
        (499, True),
        (500, True),
        (503, True),
        (504, True),
    ],
)
def test_a_status_says_whether_another_attempt_makes_sense(status: int, retryable: bool) -> None:
    """What is wrong with a request stays wrong; what is wrong with a server passes."""
    error = create_api_error_from_http("no", status=status, request_id="r", body={"a": 1})

    assert error.retryable is retryable
    assert (error.status_code, error.request_id, error.body) == (status, "r", {"a": 1})


def test_a_status_is_named_beside_what_the_service_said() -> None:
    """Also one that is in no standard."""
    assert str(create_api_error_from_http("slow down", status=429)) == (
        "slow down (429 Too Many Requests)"
    )
    assert str(create_api_error_from_http(status=503)) == "503 Service Unavailable"
    assert str(create_api_error_from_http("gone", status=499)) == "gone (499 HTTP)"


def test_a_given_answer_wins_over_the_status() -> None:
    """Some services say so themselves."""
    assert APIStatusError("x", status_code=400, retryable=True).retryable


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (ModelError(), "model_error", False),
        (APIError(), "api_error", True),
        (APIStatusError(status_code=500), "api_status", True),
        (APIConnectionError(), "api_connection", True),
        (APITimeoutError(), "api_timeout", True),
        (ReplyTooLong(), "reply_too_long", False),
    ],
)
def test_each_error_has_a_code_and_says_if_it_passes(
    error: ModelError, code: str, retryable: bool
) -> None:
    """The code is for counting, the text for reading."""
    assert (error.code, error.retryable) == (code, retryable)
    assert str(error)


def test_a_timeout_is_one_of_pythons_too() -> None:
    """So that code which knows no models can catch it."""
    assert isinstance(APITimeoutError(), TimeoutError)


def test_what_a_tool_tells_the_model_is_its_message() -> None:
    """And a wish for silence is no such error."""
    assert ToolError("not today").message == "not today"
    assert not isinstance(StopResponse(), ToolError)
