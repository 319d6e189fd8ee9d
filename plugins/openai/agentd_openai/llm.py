"""agentd's interface of a language model on chat completions, of OpenAI and of those like it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, Unpack

import msgspec
import openai
import openai.resources.chat.chat  # else loaded in the first call, which stands still for 50 ms
from openai.types.chat import ChatCompletionChunk

from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm import LLM as BaseLLM
from agentd.llm import ChatChunk, ChatRequest

from .azure import AzureOptions, TokenProvider, azure_maker
from .chat_reply import ChatReply
from .chat_request import chat_arguments, is_function
from .client import Key, Service, service_at
from .errors import api_errors
from .options import ChatOptions
from .served import Warmed
from .services import OPENAI, SERVICES, TOOLS_ONLY, Dialect, ServiceInfo
from .streams import reading

logger = logging.getLogger("agentd.llm")

LETTA_URL = "https://api.letta.com/v1/voice-beta"


class Named:
    """A constructor for a service of the table, such as `LLM.with_groq(model="...")`."""

    def __init__(self, name: str) -> None:
        self.info = SERVICES[name]

    def __get__(self, instance: object, owner: type[LLM]) -> NamedConstructor:
        return NamedConstructor(owner, self.info)


class NamedConstructor:
    """What `LLM.with_groq` is."""

    def __init__(self, owner: type[LLM], info: ServiceInfo) -> None:
        self._owner = owner
        self.info = info

    def __call__(
        self,
        *,
        model: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        **options: Unpack[ChatOptions],
    ) -> LLM:
        """A model of the service; raises MissingCredential where it wants a key and has none."""
        return self._owner(
            model=model if is_given(model) else self.info.model,
            service=self.info.service(api_key=api_key, base_url=base_url, client=client),
            dialect=self.info.dialect,
            **options,
        )


class LLM(Warmed, BaseLLM):
    """A language model behind OpenAI's chat completions, or what speaks like them.

    Nothing is connected before `prewarm` or the first reply. It may be made before a fork and used
    after it. For a service without a constructor of its own give `base_url`, and a `dialect` where
    it lacks something: `services.PLAIN` asks for nothing that is not common to all.

    Args:
        model: Its name at the service.
        api_key: Else the credential OPENAI_API_KEY. A function is asked for each request.
        base_url: Else OPENAI_BASE_URL, else OpenAI's.
        client: Used as it is, and closed by its owner.
        service: As made by a named constructor.
        dialect: How the service differs from OpenAI.
        options: Fields of the requests, by their names in the API.

    Raises MissingCredential where there is no key.
    """

    def __init__(
        self,
        *,
        model: str = "gpt-4.1",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        service: Service | None = None,
        dialect: Dialect = OPENAI,
        **options: Unpack[ChatOptions],
    ) -> None:
        super().__init__()
        self._model = model
        strict = options.pop("_strict_tool_schema", dialect.strict_tools)
        self._dialect = msgspec.structs.replace(
            dialect, strict_tools=strict if is_given(strict) else dialect.strict_tools
        )
        self._options: dict[str, Any] = {**options}
        self._service = service or service_at(api_key=api_key, base_url=base_url, client=client)
        self._left_out: set[str] = set()

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        self._tell_left_out(request)
        arguments = chat_arguments(
            request, model=self._model, options=self._options, dialect=self._dialect
        )
        reply = ChatReply(self.label)
        with api_errors(self.label):
            made: Any = await self._service.client().chat.completions.create(**arguments)
            stream: openai.AsyncStream[ChatCompletionChunk] = made
            async with reading(stream):
                while (chunk := await anext(stream, None)) is not None:
                    yield reply.take(chunk)
        for made in reply.finish():
            yield made

    def _tell_left_out(self, request: ChatRequest) -> None:
        for tool in request.tools:
            if not is_function(tool) and tool.id not in self._left_out:
                self._left_out.add(tool.id)
                logger.warning(
                    "chat completions know functions only: a tool of the provider's is left out",
                    extra={"action": "tools_left_out", "tool": tool.id, "model": self.model},
                )

    # -- other services ------------------------------------------------------------------

    with_cerebras = Named("cerebras")
    with_cometapi = Named("cometapi")
    with_deepseek = Named("deepseek")
    with_fireworks = Named("fireworks")
    with_groq = Named("groq")
    with_llama_cpp = Named("llama_cpp")
    with_lmstudio = Named("lmstudio")
    with_nebius = Named("nebius")
    with_octo = Named("octo")
    with_ollama = Named("ollama")
    with_openrouter = Named("openrouter")
    with_ovhcloud = Named("ovhcloud")
    with_perplexity = Named("perplexity")
    with_sambanova = Named("sambanova")
    with_telnyx = Named("telnyx")
    with_together = Named("together")
    with_vllm = Named("vllm")
    with_x_ai = Named("x_ai")

    @classmethod
    def with_letta(
        cls,
        *,
        agent_id: str,
        base_url: str = LETTA_URL,
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        **options: Unpack[ChatOptions],
    ) -> LLM:
        """An agent of Letta's as a model; its key is LETTA_API_KEY."""
        url = f"{base_url.rstrip('/')}/{agent_id}"

        service = service_at(api_key=api_key, base_url=url, key_name="LETTA_API_KEY")
        return cls(model="letta-fast", service=service, dialect=TOOLS_ONLY, **options)

    @classmethod
    def with_azure(
        cls,
        *,
        model: str = "gpt-4.1",
        azure_endpoint: NotGivenOr[str] = NOT_GIVEN,
        azure_deployment: NotGivenOr[str] = NOT_GIVEN,
        api_version: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        azure_ad_token: NotGivenOr[str] = NOT_GIVEN,
        azure_ad_token_provider: NotGivenOr[TokenProvider] = NOT_GIVEN,
        **options: Unpack[ChatOptions],
    ) -> LLM:
        """A deployment at Azure, of the model's name unless another is given.

        What is not given is AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION, and the credential
        AZURE_OPENAI_AD_TOKEN or AZURE_OPENAI_API_KEY.
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
