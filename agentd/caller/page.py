"""A run of calls as one HTML page: nothing in it comes from elsewhere, nothing in it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from .results import LEVEL_STEP, CallResult, RunReport, Spread, TurnResult

WIDTH = 1000
HALF = 40
"""Of a waveform's height, in the same units."""

MAX_BARS = 500
"""Of a waveform: more can't be told apart."""

FEW = 3
"""So many calls are shown open; of more those that were not as expected."""

STYLE = """
:root { color-scheme: light dark; --line: #8886; --well: #0a7d33; --bad: #c0262d; --caller: #2563a8;
  --agent: #a1560a; }
@media (prefers-color-scheme: dark) { :root { --well: #4cc77a; --bad: #ff7b7b; --caller: #7db6f5;
  --agent: #f0a860; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.well { color: var(--well); } .bad { color: var(--bad); } .dim { opacity: .75; }
svg { width: 100%; height: auto; display: block; } .caller { fill: var(--caller); }
.agent { fill: var(--agent); } .mark { stroke: var(--line); }
svg text { font-size: 11px; fill: currentColor; }
details { margin: .5rem 0 1.5rem; } summary { cursor: pointer; font-weight: 600; }
"""


def html_page(report: RunReport) -> str:
    """The page."""
    verdict = "well" if report.met else "bad"
    few = len(report.calls) <= FEW
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.script)}: {report.well} of {len(report.calls)} calls well</title>",
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{escape(report.script)}</h1>",
        f'<p class="{verdict}"><strong>{report.well} of {len(report.calls)} calls as expected'
        f'</strong> <span class="dim">began {escape(report.began_at)}</span></p>',
        _spreads(report),
        *(part for call in report.calls for part in _call(call, opened=few or not call.met)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _spreads(report: RunReport) -> str:
    rows = [
        ("end of the turn to the answer", report.latency),
        ("dispatch to joined", report.joined),
    ]
    return _table(
        ("latency", "n count", "n median", "n p95", "n worst"),
        ((name, *_figures(spread)) for name, spread in rows if spread is not None),
    )


def _figures(spread: Spread) -> tuple[str, ...]:
    return (str(spread.count), *(_ms(value) for value in (spread.median, spread.p95, spread.worst)))


def _call(call: CallResult, *, opened: bool) -> Iterator[str]:
    mark = "well" if call.met else "bad"
    verdict = "as expected" if call.met else "not as expected"
    yield f'<details{" open" if opened else ""}><summary class="{mark}">'
    yield f"call {call.number}, caller {call.caller}: {verdict}</summary>"
    agent = escape(call.agent or "nobody")
    yield f'<p class="dim">room {escape(call.room)}, agent {agent}, {call.seconds:.1f} s</p>'
    if call.error:
        yield f'<p class="bad">{escape(call.error)}</p>'
    yield waveform(call)
    yield _table(
        ("n turn", "caller", "agent", "n answer after", "expected"),
        (_turn(turn) for turn in call.turns),
        escaped=False,
    )
    yield "</details>"


def _turn(turn: TurnResult) -> tuple[str, ...]:
    heard = f'<br><span class="dim">heard: {escape(turn.heard)}</span>' if turn.heard else ""
    name = f"<strong>{escape(turn.name)}</strong><br>" if turn.name else ""
    verdicts = "<br>".join(
        f'<span class="{"well" if one.met else "bad"}">{"✓" if one.met else "✗"} '
        f"{escape(one.expected)}{': ' + escape(one.found) if one.found else ''}</span>"
        for one in turn.verdicts
    )
    latency = "" if turn.latency is None else _ms(turn.latency)
    said = f"{name}{escape(turn.said)}{heard}"
    return (str(turn.number), said, escape(turn.answer), latency, verdicts)


def waveform(call: CallResult) -> str:
    """Both sides over time: the caller above the line, the agent below it."""
    seconds = max(call.seconds, LEVEL_STEP)
    sides = (("caller", call.caller_levels, -1), ("agent", call.agent_levels, 1))
    bars = "".join(
        f'<g class="{name}">{"".join(_bars(levels, seconds, direction))}</g>'
        for name, levels, direction in sides
    )
    marks = "".join(
        f'<line class="mark" x1="{_x(turn.begun_at, seconds)}" y1="0" '
        f'x2="{_x(turn.begun_at, seconds)}" y2="{2 * HALF}"/>'
        f'<text x="{_x(turn.begun_at, seconds) + 3}" y="{2 * HALF + 12}">{turn.number}</text>'
        for turn in call.turns
    )
    label = f"Loudness over {seconds:.1f} s: the caller above, the agent below"
    return (
        f'<svg viewBox="0 0 {WIDTH} {2 * HALF + 16}" role="img" aria-label="{label}">'
        f'<line class="mark" x1="0" y1="{HALF}" x2="{WIDTH}" y2="{HALF}"/>{bars}{marks}</svg>'
    )


def _bars(levels: list[int], seconds: float, direction: int) -> Iterator[str]:
    steps = max(1, round(seconds / LEVEL_STEP))
    together = max(1, -(-steps // MAX_BARS))
    width = max(1.0, round(WIDTH * together / steps, 1))
    for start in range(0, len(levels), together):
        level = max(levels[start : start + together])
        if level:
            height = round(HALF * level / 100, 1)
            top = HALF - height if direction < 0 else HALF
            left = _x(start * LEVEL_STEP, seconds)
            yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}"/>'


def _x(at: float, seconds: float) -> float:
    return round(WIDTH * min(1.0, max(0.0, at / seconds)), 1)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, escaped: bool = True) -> str:
    """`n ` before a head has its column in figures."""
    kinds = [' class="n"' if head.startswith("n ") else "" for head in heads]
    top = "".join(
        f"<th{kind}>{escape(head.removeprefix('n '))}</th>"
        for kind, head in zip(kinds, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{escape(cell) if escaped else cell}</td>"
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
