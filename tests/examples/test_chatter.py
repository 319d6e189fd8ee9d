"""examples/chatter.py: its agent answers by the small language model, in text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from agentd import AgentSession
from agentd.plugins import smollm
from tests.support.model_files import DOWNLOAD_TIMEOUT, have

pytestmark = pytest.mark.timeout(DOWNLOAD_TIMEOUT + 60)

CHATTER = Path(__file__).parents[2] / "examples" / "chatter.py"


@pytest.fixture
def chatter() -> ModuleType:
    """The example as a module."""
    for file in smollm.MODEL_FILES:
        have(file)
    spec = importlib.util.spec_from_file_location("chatter", CHATTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_it_answers_in_text(chatter: ModuleType) -> None:
    """What it answers is the model's affair; that it does, and not at length, is ours."""
    llm = smollm.LLM(max_tokens=40)
    async with AgentSession[None](llm=llm) as session:
        await session.start(chatter.Chatter())
        await session.wait_for_idle()

        await session.run(user_input="What is the capital of France?")

        said = [(message.role, message.text_content) for message in session.history.messages()]

    await llm.aclose()
    assert said[:2] == [
        ("assistant", "Hello! What shall we talk about?"),
        ("user", "What is the capital of France?"),
    ]
    assert 0 < len(said[2][1] or "") < 400
