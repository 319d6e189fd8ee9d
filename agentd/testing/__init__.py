"""Public support for testing agents: scripted models, a real LiveKit server, a clock that jumps.

Nothing in agentd outside of this room imports it. The names are loaded on first use: who starts a
server needs no audio, and who scripts a model no server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fake_eot import FakeEndOfTurn as FakeEndOfTurn
    from .fake_host import FakeHost as FakeHost
    from .fake_io import FakeAudioInput as FakeAudioInput
    from .fake_io import FakeAudioOutput as FakeAudioOutput
    from .fake_io import FakeTextOutput as FakeTextOutput
    from .fake_io import FakeVideoInput as FakeVideoInput
    from .fake_llm import FakeCall as FakeCall
    from .fake_llm import FakeLLM as FakeLLM
    from .fake_llm import FakeReply as FakeReply
    from .fake_realtime import FakeRealtime as FakeRealtime
    from .fake_stt import FakeSTT as FakeSTT
    from .fake_tts import FakeTTS as FakeTTS
    from .fake_vad import FakeVAD as FakeVAD
    from .faults import Fault as Fault
    from .faults import Misbehaviour as Misbehaviour
    from .heard import Said as Said
    from .scene import Scene as Scene

_NAMES = {
    "FakeHost": "fake_host",
    "FakeAudioInput": "fake_io",
    "FakeAudioOutput": "fake_io",
    "FakeTextOutput": "fake_io",
    "FakeVideoInput": "fake_io",
    "FakeCall": "fake_llm",
    "FakeEndOfTurn": "fake_eot",
    "FakeLLM": "fake_llm",
    "FakeReply": "fake_llm",
    "FakeRealtime": "fake_realtime",
    "FakeSTT": "fake_stt",
    "FakeTTS": "fake_tts",
    "FakeVAD": "fake_vad",
    "Fault": "faults",
    "Misbehaviour": "faults",
    "Said": "heard",
    "Scene": "scene",
}
"""The module of each public name."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
