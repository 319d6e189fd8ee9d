"""Measurements as data."""

from __future__ import annotations

import logging
from typing import get_args

import msgspec
import pytest

from agentd.metrics import AgentMetrics, LLMMetrics, log_metrics
from agentd.metrics.lines import line_fields


@pytest.mark.parametrize("kind", get_args(AgentMetrics), ids=lambda kind: kind.__name__)
def test_a_measurement_is_the_same_after_encoding(kind: type[AgentMetrics]) -> None:
    """Its kind is told by its tag, so that one decoder knows all of them."""
    made = kind(label="x", timestamp=1.5, model="m", provider="p")

    again = msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=AgentMetrics)

    assert again == made
    assert msgspec.to_builtins(made)["type"] == made.type


def test_a_measurement_is_one_line_with_its_figures(caplog: pytest.LogCaptureFixture) -> None:
    """Under the logger of whoever asks for it."""
    caplog.set_level(logging.INFO)

    log_metrics(LLMMetrics(label="x", ttft=0.25), logger=logging.getLogger("mine"))

    [record] = caplog.records
    assert record.name == "mine"
    assert record.__dict__["action"] == "model_measured"
    assert (record.__dict__["kind"], record.__dict__["ttft"]) == ("llm_metrics", 0.25)


def test_a_line_leaves_out_what_says_nothing() -> None:
    """Empty names, and digits below a tenth of a millisecond."""
    fields = line_fields(LLMMetrics(duration=0.123456, timestamp=99.0))

    assert fields["duration"] == 0.1235
    assert not {"model", "label", "timestamp", "type"} & fields.keys()
