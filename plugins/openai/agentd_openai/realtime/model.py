"""OpenAI's realtime models, and those of services that speak the same protocol."""

from __future__ import annotations

from typing import Literal

import openai

from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.events import ToolChoice
from agentd.realtime import RealtimeCapabilities
from agentd.realtime import RealtimeModel as BaseModel
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from ..client import API_KEY, make_client, provider_of
from .connection import Connection, connect
from .options import (
    RENEW_AFTER,
    RENEW_DEADLINE,
    SEMANTIC_VAD,
    TRANSCRIPTION,
    Modality,
    Part,
    RealtimeOptions,
)
from .session import Session

XAI_URL = "https://api.x.ai/v1"
XAI_KEY = "XAI_API_KEY"


class RealtimeModel(BaseModel):
    """A model that hears and speaks, behind a WebSocket.

    Settings are sent as they are given: see RealtimeOptions for what None means. What the API
    calls `temperature` has no place in its present version, and so has none here.
    """

    def __init__(
        self,
        *,
        model: str = "gpt-realtime",
        voice: str | None = "marin",
        modalities: tuple[Modality, ...] | list[Modality] = ("audio",),
        turn_detection: Part | None = SEMANTIC_VAD,
        input_audio_transcription: Part | None = TRANSCRIPTION,
        input_audio_noise_reduction: Literal["near_field", "far_field"] | None = None,
        speed: float | None = None,
        tool_choice: ToolChoice | None = None,
        parallel_tool_calls: bool | None = None,
        max_output_tokens: int | Literal["inf"] | None = None,
        tracing: Literal["auto"] | Part | None = None,
        truncation: Literal["auto", "disabled"] | Part | None = None,
        max_session_duration: float | None = RENEW_AFTER,
        renew_deadline: float = RENEW_DEADLINE,
        response_timeout: float = 8.0,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
    ) -> None:
        """`max_session_duration` is in seconds: after it a new connection takes over, at the next
        quiet moment and at the latest `renew_deadline` later. `client` is used as it is, and is
        its owner's to close. Raises MissingCredential where there is no key."""
        self._take(
            RealtimeOptions(
                model=model,
                voice=voice,
                modalities=tuple(modalities),
                turn_detection=turn_detection,
                transcription=input_audio_transcription,
                noise_reduction=input_audio_noise_reduction,
                speed=speed,
                tool_choice=tool_choice,
                parallel_tool_calls=parallel_tool_calls,
                max_output_tokens=max_output_tokens,
                tracing=tracing,
                truncation=truncation,
                renew_after=max_session_duration,
                renew_deadline=renew_deadline,
                response_timeout=response_timeout,
            ),
            client or make_client(api_key=api_key, base_url=base_url),
            conn_options,
            owns_client=client is None,
        )

    @classmethod
    def with_options(
        cls,
        options: RealtimeOptions,
        *,
        client: openai.AsyncClient,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RealtimeModel:
        """One with every option at hand, through a client of the caller's."""
        made = cls.__new__(cls)
        made._take(options, client, conn_options, owns_client=False)
        return made

    @classmethod
    def with_azure(
        cls,
        *,
        azure_deployment: str,
        azure_endpoint: str,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        **options: object,
    ) -> RealtimeModel:
        """A deployment on Azure, at its version-1 API. The key is AZURE_OPENAI_API_KEY."""
        raise NotImplementedError

    @classmethod
    def with_x_ai(cls, *, api_key: NotGivenOr[str] = NOT_GIVEN) -> RealtimeModel:
        """xAI's voice agent."""
        raise NotImplementedError
