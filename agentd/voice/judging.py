"""Asking a model whether a message does what it is meant to do."""

from __future__ import annotations

from msgspec import Struct

from agentd.errors import ModelError, ToolError
from agentd.llm.arguments import prepare_arguments
from agentd.llm.base import LLM
from agentd.llm.chat import ChatContext
from agentd.llm.tools import function_tool

INSTRUCTIONS = (
    "You check the replies of a conversational agent in a test. You are given a message and what "
    "it is meant to do. Judge only whether it does that; its wording, length and tone do not "
    "matter unless the intent speaks of them. Answer by calling check_intent, once."
)


class Verdict(Struct, frozen=True, kw_only=True):
    """What the model has found."""

    success: bool
    reason: str


@function_tool
def check_intent(success: bool, reason: str) -> Verdict:
    """Give the verdict.

    Args:
        success: Whether the message does what it is meant to.
        reason: Why, in a sentence.
    """
    return Verdict(success=success, reason=reason)


async def judge_message(llm: LLM, message: str, intent: str) -> Verdict:
    """Ask a model; raises ModelError where it gives no verdict."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="system", content=INSTRUCTIONS)
    chat_ctx.add_message(
        role="user", content=f"The message:\n{message}\n\nWhat it is meant to do:\n{intent}"
    )
    stream = llm.chat(chat_ctx=chat_ctx, tools=[check_intent], tool_choice="required")
    response = await stream.collect()
    calls = [call for call in response.tool_calls if call.name == check_intent.name]
    if not calls:
        raise ModelError(f"the judge gave no verdict, but said: {response.text[:200]!r}")
    try:
        return check_intent(**prepare_arguments(check_intent, calls[0].arguments))
    except ToolError as error:
        raise ModelError(f"the judge's verdict can't be read: {error}") from error
