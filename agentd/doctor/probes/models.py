"""Finds the models that an app has at the top level of its modules, and asks each how it is."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Protocol

from agentd.aio.timing import monotonic
from agentd.child.entrypoint import load_app
from agentd.doctor.facts import ModelAnswer, ModelAnswers, ModelsQuestion
from agentd.doctor.probes.answering import question
from agentd.masking import masked
from agentd.resilience import APIConnectOptions
from agentd.template.sources import app_files

BASES = (("agentd.llm.base", "LLM"), ("agentd.stt.base", "STT"), ("agentd.tts.base", "TTS"))


class Model(Protocol):
    """What the three kinds have in common."""

    @property
    def label(self) -> str: ...

    async def probe(self, conn_options: APIConnectOptions) -> None: ...


def models_of() -> list[tuple[str, Model]]:
    """Each with a label; of the modules that are the app's own."""
    # Whoever has a model has imported its kind: nothing is loaded here that the app does not load.
    kinds = tuple(
        getattr(sys.modules[module], name) for module, name in BASES if module in sys.modules
    )
    own = set(app_files()) if kinds else set()
    found: dict[int, tuple[str, Model]] = {}
    for module in list(sys.modules.values()):
        if str(getattr(module, "__file__", "")) not in own:
            continue
        for name, value in vars(module).items():
            if isinstance(value, kinds):
                found[id(value)] = (f"{module.__name__}.{name} ({value.label})", value)
    return list(found.values())


async def ask(label: str, model: Model, timeout: float) -> ModelAnswer:
    """Probe one."""
    began_at = monotonic()
    error = ""
    try:
        async with asyncio.timeout(timeout):
            await model.probe(APIConnectOptions(max_retry=0, timeout=timeout))
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and all of it is the answer
        error = masked(f"{type(failure).__name__}: {failure}")
    return ModelAnswer(label=label, seconds=monotonic() - began_at, error=error)


async def ask_all(timeout: float) -> ModelAnswers:
    """Probe all of them at once."""
    answers = await asyncio.gather(*(ask(label, model, timeout) for label, model in models_of()))
    return ModelAnswers(models=tuple(answers))


def main() -> None:
    asked, answer = question(ModelsQuestion)
    load_app(asked.app)
    answer(asyncio.run(ask_all(asked.timeout)))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
