"""What the openai SDK raises, as agentd's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import httpx2
import openai

from agentd.aio.timing import wall_time
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    create_api_error_from_http,
)
from agentd.masking import masked

MAX_BODY = 400
"""Characters of what a service has answered that an error repeats."""

LASTING = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no waiting helps: somebody has to pay."""


def excerpt(text: str) -> str:
    """The beginning of what a service has answered, for an error.

    Masked before it is cut: nobody would know half of a key that the service has echoed.
    """
    return masked(text)[:MAX_BODY]


@contextmanager
def api_errors(label: str) -> Iterator[None]:
    """Raise APIError for what the SDK raises within; `label` says which model failed."""
    try:
        yield
    except openai.APITimeoutError as error:
        raise APITimeoutError(f"{label} did not answer in time") from error
    except openai.APIConnectionError as error:
        why = f"{error}" if error.__cause__ is None else f"{error.__cause__}"
        raise APIConnectionError(f"{label} is out of reach: {why}") from error
    except openai.APIStatusError as error:
        raise status_error(label, error) from error
    # The SDK lets through what its HTTP library raises while the body of an answer comes in.
    except httpx2.TimeoutException as error:
        raise APITimeoutError(f"{label} did not go on in time") from error
    except httpx2.HTTPError as error:
        raise APIConnectionError(f"{label} broke off: {error}") from error
    except openai.APIError as error:  # an error event within a stream, an answer of another form
        raise APIError(f"{label} failed: {excerpt(error.message)}", body=error.body) from error
    except ValueError as error:  # what is no JSON: cut off, or of a proxy in between
        raise APIConnectionError(f"{label} sent what can't be read: {error}") from error
    except openai.OpenAIError as error:
        raise APIError(f"{label} failed: {error}", retryable=False) from error


def status_error(label: str, error: openai.APIStatusError) -> APIStatusError:
    """The error of a refusal, with how long the service wants to be left alone."""
    made = create_api_error_from_http(
        f"{label} refused: {excerpt(_said(error))}",
        status=error.status_code,
        request_id=error.request_id,
        body=error.body,
        retry_after=retry_after(error.response.headers, now=wall_time()),
    )
    if error.code in LASTING:
        made.retryable = False
    return made


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds, from Retry-After, which gives a number or a date, or the finer `retry-after-ms`."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit)
        except ValueError:
            pass  # there is none, or it is a date
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except ValueError:
        return None


def _said(error: openai.APIStatusError) -> str:
    """What the service itself has said, without what the SDK says about it."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return said if isinstance(said, str) else error.message
