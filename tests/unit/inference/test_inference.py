"""Models by name: where they are asked, with which key, and what a string stands for."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint
from typing import Any

import jwt
import pytest

from agentd import Agent, AgentSession, inference
from agentd.errors import ModelError, PluginNotFound
from agentd.inference.gateway import GATEWAY_URL, gateway, make_token
from agentd.inference.llm import LLM
from agentd.inference.names import named_model

SECRET = "s" * 32
NOW = 1_700_000_000.0
VARIABLES = (
    "LIVEKIT_INFERENCE_URL",
    "LIVEKIT_INFERENCE_API_KEY",
    "LIVEKIT_INFERENCE_API_SECRET",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says nothing of a gateway."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


async def key_of(where: Any) -> str:
    """The key of a request."""
    made = where.key() if callable(where.key) else where.key
    return str(await made if inspect.isawaitable(made) else made)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    found: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    return found


async def test_livekits_gateway_is_asked_with_a_token_of_the_servers_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in livekit-agents: it is valid for ten minutes, and for models only."""
    monkeypatch.setenv("LIVEKIT_API_KEY", "devkey")
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)

    where = gateway()

    claims = claims_of(await key_of(where))
    assert where.url == GATEWAY_URL
    assert claims["iss"] == "devkey"
    assert claims["inference"] == {"perform": True}
    assert claims["exp"] - claims["nbf"] == 600


def test_livekits_gateway_is_not_asked_without_a_key() -> None:
    """The error names it."""
    with pytest.raises(ModelError, match="LIVEKIT_API_KEY"):
        gateway()


async def test_another_gateway_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is never shown one that is LiveKit's."""
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "http://localhost:8080/v1")
    monkeypatch.setenv("LIVEKIT_API_KEY", "devkey")
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)

    where = gateway()

    assert (where.url, await key_of(where)) == ("http://localhost:8080/v1", "none")


async def test_another_gateways_key_is_sent_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no secret to sign with."""
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "https://api.openai.com/v1")
    monkeypatch.setenv("LIVEKIT_INFERENCE_API_KEY", "sk-mine")

    assert await key_of(gateway()) == "sk-mine"


def test_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment."""
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "http://elsewhere/v1")

    where = gateway(base_url="http://here/v1", api_key="a")

    assert (where.url, where.key) == ("http://here/v1", "a")


def test_a_token_says_who_asks_and_until_when() -> None:
    """It is signed with the secret."""
    claims = jwt.decode(
        make_token("devkey", SECRET, now=NOW),
        SECRET,
        algorithms=["HS256"],
        options={"verify_exp": False},
    )

    assert (claims["nbf"], claims["exp"]) == (int(NOW), int(NOW) + 600)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "gpt-4.1"),
        (GATEWAY_URL, "openai/gpt-4.1"),
        ("https://openrouter.ai/api/v1", "openai/gpt-4.1"),
    ],
)
def test_openai_is_asked_by_its_own_names(url: str, name: str) -> None:
    """A gateway by those with the maker in front."""
    where = gateway(base_url=url, api_key="devkey", api_secret=SECRET)

    assert where.model("openai/gpt-4.1") == name


def test_a_string_stands_for_a_model_of_a_session_and_an_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made where they are made, so that a wrong one is told there."""
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "http://localhost:8080/v1")

    agent = Agent(instructions="", llm="openai/gpt-4.1-mini")
    session: AgentSession[None] = AgentSession(llm="openai/gpt-4.1")

    assert isinstance(agent.llm, LLM)
    assert agent.llm.model == "openai/gpt-4.1-mini"
    assert isinstance(session.llm, LLM)
    assert session.llm.circuit == "localhost:8080/openai/gpt-4.1"


def test_what_is_no_string_is_left_as_it_is() -> None:
    """A model, None, or nothing given."""
    model = object()

    assert named_model("llm", model) is model
    assert named_model("tts", None) is None


def test_a_missing_plugin_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as an ImportError of something deep inside."""
    none: dict[str, EntryPoint] = {}
    monkeypatch.setattr("agentd.plugins.installed", lambda: none)

    with pytest.raises(PluginNotFound, match="pip install agentd-openai"):
        LLM("openai/gpt-4.1")


def test_the_vad_of_the_room_is_silero() -> None:
    """As there, by default."""
    vad = inference.VAD(min_silence_duration=0.3)

    assert type(vad).__module__.startswith("agentd_silero")


def test_the_room_has_no_other_names() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="Avatar"):
        _ = inference.Avatar
