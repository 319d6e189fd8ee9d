"""The model as `xllamacpp` has it, which only this module knows."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xllamacpp

from agentd.errors import ModelError

from .pieces import Answered, Piece, PromptTooLong, Waiting
from .settings import ModelSettings

BATCH = 64
"""Tokens of a prompt that are read at once, and so what is still read when nobody wants it: 0.6 s.
Larger ones are no faster on a CPU."""

QUIET = -1
"""No logs: they would go to stderr, past ours."""


class Model:
    """One loaded copy. llama.cpp answers one request after the other; so it is asked."""

    def __init__(self, path: Path, settings: ModelSettings) -> None:
        """Load it, 0.5 s; raises ModelError for a file that is none."""
        try:
            self._server = xllamacpp.Server(_params(path, settings))
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"'{path}' could not be loaded by llama.cpp: {error}") from error

    def answer(self, request: dict[str, Any], told: Callable[[Piece], bool]) -> None:
        """Tell the pieces of a reply as they come, until the end or until `told` says True.

        Raises PromptTooLong, or ModelError for a request that can't be answered. `told` must not
        raise: C++ is between it and here.
        """
        failed: list[dict[str, Any]] = []

        def take(chunk: dict[str, Any]) -> bool:
            if "error" in chunk:
                failed.append(chunk["error"])
                return True
            return told(_piece(chunk))

        self._server.handle_chat_completions(request, take)
        for error in failed:
            raise _error(error)


def _params(path: Path, settings: ModelSettings) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = settings.context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = 0  # by default up to 8 GB of prompts of before are kept
    params.warmup = False  # the runner's own covers the template, too
    params.verbosity = QUIET
    _lock(params)
    return params


def _lock(params: xllamacpp.CommonParams) -> None:
    """Let nobody in by the port that llama.cpp opens, on loopback, and can't be told not to."""
    params.api_keys = [secrets.token_hex(32)]
    params.cors_origins = ""
    params.n_threads_http = 1
    params.ui = params.endpoint_slots = params.endpoint_props = False


def _piece(chunk: dict[str, Any]) -> Piece:
    usage = chunk.get("usage")
    if usage:
        return Answered(
            prompt_tokens=usage["prompt_tokens"],
            cached_tokens=usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            completion_tokens=usage["completion_tokens"],
        )
    choices = chunk.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or Waiting()


def _error(error: dict[str, Any]) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLong(error["n_prompt_tokens"])
    return ModelError(f"llama.cpp refused the request: {error.get('message', error)}")
