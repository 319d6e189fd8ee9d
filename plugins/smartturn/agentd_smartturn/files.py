"""The model's file, which is not shipped with this package: `agentd models fetch` gets it."""

from __future__ import annotations

from agentd.models import ModelFile

MODEL = ModelFile(
    name="smart-turn-v3.2-cpu.onnx",
    package="pipecat-ai",
    version="1.14.0",
    path_in_wheel="pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
    sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
    size=8679182,
    wheel_sha256="0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
)

MODEL_FILES = (MODEL,)
