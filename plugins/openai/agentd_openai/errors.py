"""What the openai SDK raises, as agentd's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import openai

from agentd.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    create_api_error_from_http,
)

MAX_BODY = 400
"""Characters of what a service has answered that an error repeats."""


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
        raise create_api_error_from_http(
            f"{label} refused: {error.message[:MAX_BODY]}",
            status=error.status_code,
            request_id=error.request_id,
            body=error.body,
        ) from error
    except openai.APIError as error:  # an error event within a stream, an answer of another form
        raise APIError(f"{label} failed: {error.message[:MAX_BODY]}", body=error.body) from error
    except ValueError as error:  # what is no JSON: cut off, or of a proxy in between
        raise APIConnectionError(f"{label} sent what can't be read: {error}") from error
    except openai.OpenAIError as error:
        raise APIError(f"{label} failed: {error}", retryable=False) from error
