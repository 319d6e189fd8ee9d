"""A run's outcome as a value of a type: asked of the model, and asked again where it is none."""

from __future__ import annotations

from typing import Any

from agentd.errors import APIError, UnexpectedModelBehavior
from agentd.llm.base import LLM
from agentd.llm.chat import ChatContext
from agentd.llm.structured import parse_response
from agentd.resilience import APIConnectOptions

RETRIES = 2
"""Further questions where an answer is no value of the type; livekit-agents' figure."""

QUESTION = "Give the outcome of the conversation so far, in the form that was asked for."


async def ask_for_output(
    llm: LLM, chat_ctx: ChatContext, output_type: type, conn_options: APIConnectOptions
) -> Any:
    """The value; raises UnexpectedModelBehavior where the model gives none."""
    told = chat_ctx.copy(exclude_handoff=True, exclude_config_update=True)
    told.add_message(role="system", content=QUESTION)
    wrong = ""
    for _ in range(1 + RETRIES):
        stream = llm.chat(chat_ctx=told, response_format=output_type, conn_options=conn_options)
        answer = await stream.collect()
        try:
            return parse_response(answer.text, output_type)
        except APIError as error:
            wrong = str(error)
            told.add_message(role="assistant", content=answer.text)
            told.add_message(role="system", content=f"That is not valid: {wrong} Answer again.")
    raise UnexpectedModelBehavior(f"the model gave no {output_type.__name__}: {wrong}")


def check_output(output: Any, output_type: type) -> None:
    """Raises UnexpectedModelBehavior where a task's result is of another type."""
    if not isinstance(output, output_type):
        raise UnexpectedModelBehavior(
            f"the task's result is a {type(output).__name__}, not a {output_type.__name__}"
        )
