"""Tests of agentd.caller.results, levels and page: sums of calls, and a page that stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import numpy as np

from agentd.caller.judging import Verdict
from agentd.caller.levels import Levels
from agentd.caller.page import html_page, waveform
from agentd.caller.results import CallResult, TurnResult, run_report, spread
from agentd.cli.call_script import faults

EVIL = "<script>alert(1)</script>\"'&"


def turn(number: int, latency: float | None, *, met: bool = True, text: str = "hi") -> TurnResult:
    """One turn."""
    return TurnResult(
        number=number,
        name="",
        said=text,
        heard=text,
        answer=text,
        begun_at=number,
        ended_at=number + 0.5,
        answered_at=None,
        over_at=number + 1.0,
        latency=latency,
        verdicts=[Verdict(expected="answers", met=met, found="" if met else "no answer")],
    )


def call(number: int, *turns: TurnResult, **facts: object) -> CallResult:
    """One call."""
    return msgspec.structs.replace(
        CallResult(number=number, caller=1, room="r", seconds=5.0, turns=list(turns)), **facts
    )


class Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_call_is_well_only_to_its_end() -> None:
    """An error, a turn that was not reached, or one that was not as expected spoils it."""
    good = call(1, turn(1, 0.5))
    assert good.met
    assert not call(1, turn(1, 0.5), error="lost").met
    assert not call(1, turn(1, 0.5), not_reached=1).met
    assert not call(1, turn(1, None, met=False)).met


def test_the_sums_are_of_all_calls() -> None:
    """In the order of their numbers, whichever was over first."""
    report = run_report("t.yaml", "now", [call(2, turn(1, 1.5)), call(1, turn(1, 0.5), error="x")])

    assert [one.number for one in report.calls] == [1, 2]
    assert (report.well, report.met) == (1, False)
    assert report.latency is not None
    assert (report.latency.count, report.latency.worst) == (2, 1.5)
    assert report.joined is None
    assert spread(list(np.arange(100) / 100)) == msgspec.structs.replace(
        report.latency, count=100, median=0.5, p95=0.95, worst=0.99
    )


def test_what_was_not_as_expected_is_a_line() -> None:
    """With the turn, what was expected and what was there."""
    report = run_report("t", "now", [call(1, turn(2, None, met=False), error="the agent left")])

    assert faults(report) == [
        "call 1, turn 2 (hi): expected that it answers; no answer",
        "call 1: the agent left",
    ]


def test_the_page_stands_alone_and_runs_nothing() -> None:
    """No script, no address, nothing of a transcript that is not text."""
    evil = call(1, turn(1, 0.5, text=EVIL), room=EVIL, agent=EVIL, error=EVIL)

    page = html_page(run_report(EVIL, "now", [evil]))

    tags = Tags(page).found
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"}
    assert not [attrs for _, attrs in tags if {"src", "href", "onclick", "onload"} & attrs.keys()]
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "default-src 'none'" in page
    assert page.count("&lt;script&gt;") >= 5


def test_a_call_that_failed_is_open_and_many_that_went_well_are_not() -> None:
    """Who looks, looks for what was wrong."""
    calls = [call(number, turn(1, 0.5)) for number in range(1, 10)] + [call(10, error="lost")]

    opened = [attrs for tag, attrs in Tags(html_page(run_report("t", "now", calls))).found
              if tag == "details" and "open" in attrs]  # fmt: skip

    assert len(opened) == 1


def test_a_waveform_has_both_sides_within_its_box() -> None:
    """However long the call was, it has not more bars than can be told apart."""
    sides = {"caller_levels": [100] * 9000, "agent_levels": [50] * 9000}
    long = call(1, turn(1, 0.5), seconds=450.0, **sides)

    bars = [attrs for tag, attrs in Tags(waveform(long)).found if tag == "rect"]

    assert 900 <= len(bars) <= 1000
    assert all(
        0 <= float(bar["y"] or 0) <= 80 and 0 <= float(bar["x"] or 0) <= 1000 for bar in bars
    )
    assert "<rect" not in waveform(call(1, seconds=0.0))


def test_levels_are_the_loudest_of_each_step() -> None:
    """In decibels, silence between what was heard."""
    levels = Levels()
    levels.add(0.0, np.full(800, 32767, np.int16), 16000)
    levels.add(0.12, np.full(800, 1036, np.int16), 16000)
    levels.add(1e9, np.full(10, 1, np.int16), 16000)

    assert levels.values[0] == 100
    assert levels.values[1] == 0
    assert 35 <= levels.values[2] <= 45
    assert len(levels.values) == 3
