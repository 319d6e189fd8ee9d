"""OpenAI's models as users make them. Only type-checked: `mypy --strict` has nothing to say."""

from __future__ import annotations

from agentd import AgentSession, inference, llm
from agentd.given import NOT_GIVEN
from agentd_openai.llm import LLM
from agentd_openai.responses import LLM as ResponsesLLM
from agentd_openai.services import PLAIN
from agentd_openai.tools import CodeInterpreter, FileSearch, WebSearch


async def token() -> str:
    """A key that is made for each request."""
    return "token"


def models() -> list[llm.LLM]:
    """Each way to make one."""
    return [
        LLM(),
        LLM(model="gpt-4.1-mini", temperature=0.4, max_completion_tokens=200, user=NOT_GIVEN),
        LLM(base_url="http://10.0.0.7:8000/v1", api_key=token, dialect=PLAIN),
        LLM.with_groq(model="llama-3.3-70b-versatile", temperature=0.2),
        LLM.with_azure(azure_endpoint="https://x.example", api_version="2024-10-21", top_p=0.5),
        LLM.with_letta(agent_id="agent-1"),
        ResponsesLLM(reasoning={"effort": "low"}, max_output_tokens=200),
        inference.LLM("openai/gpt-4.1-mini", extra_kwargs={"temperature": 0.2}),
    ]


def tools() -> list[llm.Tool]:
    """What OpenAI runs."""
    return [WebSearch(), FileSearch(vector_store_ids=["vs_1"]), CodeInterpreter()]


def session() -> AgentSession[None]:
    """By a name, with another behind it."""
    AgentSession[None](llm="openai/gpt-4.1")
    return AgentSession[None](llm=llm.FallbackAdapter([LLM(), LLM.with_groq()]))
