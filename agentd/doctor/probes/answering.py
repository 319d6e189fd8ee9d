"""How a probe hears its question and gives its answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from agentd.credentials import remember_environment

QuestionT = TypeVar("QuestionT")


def question(kind: type[QuestionT]) -> tuple[QuestionT, Callable[[Struct], None]]:
    """The question, and what to call with the answer.

    From here on standard output is standard error: what an app prints is no part of an answer.
    """
    answer_fd = os.dup(1)
    os.dup2(2, 1)
    remember_environment()
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=kind)

    def answer(document: Struct) -> None:
        data = msgspec.json.encode(document)
        while data:
            data = data[os.write(answer_fd, data) :]
        os.close(answer_fd)

    return asked, answer
