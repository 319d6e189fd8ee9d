"""OpenAI's realtime models, and those of services that speak the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import openai

from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.events import ToolChoice
from agentd.realtime import RealtimeCapabilities
from agentd.realtime import RealtimeModel as BaseModel
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from agentd_openai.azure import AzureOptions, TokenProvider, azure_maker
from agentd_openai.client import Key, Service, service_at
from agentd_openai.served import Served
from agentd_openai.services import SERVICES

from .connection import Connection, connect
from .options import (
    RENEW_AFTER,
    RENEW_DEADLINE,
    RESPONSE_TIMEOUT,
    SEMANTIC_VAD,
    SERVER_VAD,
    TRANSCRIPTION,
    Modality,
    NoiseReduction,
    Part,
    RealtimeOptions,
)
from .session import Session


class RealtimeModel(Served, BaseModel):
    """A model that hears and speaks, behind a WebSocket.

    Settings are sent as they are given: see RealtimeOptions for what None means.

    Args:
        temperature: Accepted, and not sent: the API has none any more.
        max_session_duration: Seconds after which a new connection takes over, at the next quiet
            moment, and at the latest `renew_deadline` later; None for never.
        api_key: Else the credential OPENAI_API_KEY. A function is asked for each connection.
        base_url: Else OPENAI_BASE_URL, else OpenAI's.
        client: Used as it is, and closed by its owner.
        service: As made by a named constructor.
        dialect: Fields of RealtimeOptions that say how the service differs from OpenAI.

    Raises MissingCredential where there is no key.
    """

    def __init__(  # noqa: PLR0913 - the names that users of livekit-agents know
        self,
        *,
        model: str = "gpt-realtime",
        voice: str | None = "marin",
        modalities: Sequence[Modality] = ("audio",),
        turn_detection: Part | None = SEMANTIC_VAD,
        input_audio_transcription: Part | None = TRANSCRIPTION,
        input_audio_noise_reduction: NoiseReduction | None = None,
        speed: float | None = None,
        temperature: float | None = None,
        tool_choice: ToolChoice | None = None,
        parallel_tool_calls: bool | None = None,
        max_output_tokens: int | Literal["inf"] | None = None,
        tracing: Literal["auto"] | Part | None = None,
        truncation: Literal["auto", "disabled"] | Part | None = None,
        max_session_duration: float | None = RENEW_AFTER,
        renew_deadline: float = RENEW_DEADLINE,
        response_timeout: float = RESPONSE_TIMEOUT,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        service: Service | None = None,
        dialect: dict[str, bool] | None = None,
    ) -> None:
        self.options = RealtimeOptions(
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
            **(dialect or {}),
        )
        super().__init__(capabilities=capabilities_of(self.options))
        self._conn_options = conn_options
        self._model = model
        self._service = service or service_at(api_key=api_key, base_url=base_url, client=client)

    @classmethod
    def with_azure(
        cls,
        *,
        model: str = "gpt-realtime",
        azure_endpoint: NotGivenOr[str] = NOT_GIVEN,
        azure_deployment: NotGivenOr[str] = NOT_GIVEN,
        api_version: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        azure_ad_token: NotGivenOr[str] = NOT_GIVEN,
        azure_ad_token_provider: NotGivenOr[TokenProvider] = NOT_GIVEN,
        **options: Any,
    ) -> RealtimeModel:
        """A deployment at Azure, of the model's name unless another is given.

        What is not given is AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION, and the credential
        AZURE_OPENAI_AD_TOKEN or AZURE_OPENAI_API_KEY. `options` are the constructor's.
        """
        place = AzureOptions(
            azure_endpoint=azure_endpoint,
            azure_deployment=azure_deployment,
            api_version=api_version,
            api_key=api_key,
            azure_ad_token=azure_ad_token,
            azure_ad_token_provider=azure_ad_token_provider,
        )
        return cls(model=model, service=Service(azure_maker(model, place)), **options)

    @classmethod
    def with_x_ai(
        cls,
        *,
        model: str = "grok-4-1-fast-non-reasoning",
        voice: str | None = "ara",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        turn_detection: Part | None = SERVER_VAD,
        **options: Any,
    ) -> RealtimeModel:
        """xAI's voice agent, which speaks the same protocol. The key is the credential
        XAI_API_KEY; `options` are the constructor's."""
        return cls(
            model=model,
            voice=voice,
            turn_detection=turn_detection,
            service=SERVICES["x_ai"].service(api_key=api_key, base_url=base_url),
            dialect={"runs_tools": True, "echoes_metadata": False},
            **options,
        )

    def session(self) -> Session:
        """See the base class."""
        return Session(self, self.options, self._dial, self._conn_options)

    async def _dial(self) -> Connection:
        return await connect(
            self._service.client(),
            model=self.model,
            label=self.label,
            timeout=self._conn_options.timeout,
        )


def capabilities_of(options: RealtimeOptions) -> RealtimeCapabilities:
    """What a model with these options can do. Pure."""
    return RealtimeCapabilities(
        message_truncation=True,
        turn_detection=options.turn_detection is not None,
        user_transcription=options.transcription is not None,
        auto_tool_reply_generation=False,
        audio_output=options.speaks,
        manual_function_calls=True,
        can_disable_turn_detection=True,
        mutable_chat_context=True,
        mutable_instructions=True,
        mutable_tools=True,
        per_response_tool_choice=True,
        video_input=True,
        supports_say=False,
    )
