"""The table of circuits that the children share, on the virtual clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Literal

import pytest

from agentd.protocol.frames import CircuitNews, CircuitReport, LogValue
from agentd.protocol.ids import ChildId
from agentd.supervisor.circuits import (
    FORGET_TIME,
    GRANT_TIME,
    LONGEST_COOLDOWN,
    MAX_CIRCUITS,
    PROBE_TIME,
    SharedCircuits,
)
from agentd.testing.virtual_time import run_virtual

KEY = "api.example.com/gpt"


class Kid:
    """A child that remembers what it was told."""

    def __init__(self, number: int) -> None:
        self.id = ChildId(f"c{number}")
        self.news: list[CircuitNews] = []

    def tell_circuit(self, news: CircuitNews) -> None:
        """See Member."""
        self.news.append(news)

    def fields(self) -> dict[str, LogValue]:
        """See Member."""
        return {"child": self.id}

    def heard(self) -> list[tuple[str, float, bool]]:
        """State, seconds and whether it is its turn, since the last time."""
        news, self.news = self.news, []
        return [(each.state, round(each.seconds, 3), each.granted) for each in news]


class Family:
    """Three children with one table."""

    def __init__(self) -> None:
        self.kids = [Kid(number) for number in (1, 2, 3)]
        self.table = SharedCircuits(lambda: self.kids)

    def says(
        self,
        number: int,
        event: Literal["opened", "wanted", "probing", "answered", "given_up"],
        *,
        cooldown: float = 0.0,
        level: int = 1,
        key: str = KEY,
    ) -> None:
        """Child 1, 2 or 3 says this."""
        report = CircuitReport(key=key, event=event, cooldown=cooldown, level=level, reason="503")
        self.table.handle(self.kids[number - 1], report)

    def heard(self) -> list[list[tuple[str, float, bool]]]:
        """What each was told since the last time."""
        return [kid.heard() for kid in self.kids]

    def dies(self, number: int) -> None:
        """A child is gone."""
        kid = self.kids.pop(number - 1)
        self.table.forget(kid)


@pytest.fixture
def family() -> Family:
    """Three children that know of nothing."""
    return Family()


def run(family: Family, scenario: Coroutine[Any, Any, None]) -> None:
    """Let it happen on the virtual clock."""

    async def act() -> None:
        try:
            await scenario
        finally:
            family.table.close()

    run_virtual(act())


OPEN = ("open", 5.0, False)
FREE = ("half_open", 0.0, False)
HELD = ("half_open", PROBE_TIME, False)
GRANTED = ("half_open", 0.0, True)
KEPT = ("half_open", GRANT_TIME, False)
CLOSED = ("closed", 0.0, False)


def test_an_outage_that_one_child_has_learnt_is_told_to_all_others(family: Family) -> None:
    """At once, with the rest of the cooldown."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        assert family.heard() == [[], [OPEN], [OPEN]]

    run(family, scenario())


def test_a_child_that_is_born_later_is_told_what_is_left(family: Family) -> None:
    """And one that is adopted."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        await asyncio.sleep(2.0)
        late = Kid(9)
        family.table.greet(late)
        assert late.heard() == [("open", 3.0, False)]

    run(family, scenario())


def test_of_two_that_find_out_at_the_same_time_the_first_counts(family: Family) -> None:
    """The other is told how long all leave the service alone."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.heard()
        family.says(2, "opened", cooldown=3.0)
        assert family.heard() == [[], [OPEN], []]
        assert family.table.opened == {KEY: 1}

    run(family, scenario())


def test_after_the_cooldown_the_first_that_waits_makes_the_probe(family: Family) -> None:
    """The others are told to leave it to that one, before it is told to begin."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.says(3, "wanted")
        family.says(2, "wanted")
        family.heard()
        await asyncio.sleep(5.0)
        assert family.heard() == [[KEPT], [KEPT], [GRANTED]]
        family.says(3, "probing")
        assert family.heard() == [[HELD], [HELD], []]
        family.says(3, "answered")
        assert family.heard() == [[CLOSED], [CLOSED], []]
        assert family.table.view() == ()

    run(family, scenario())


def test_where_none_waits_whoever_calls_first_makes_the_probe(family: Family) -> None:
    """Without asking; a second that was too quick to hear of it is let be."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.heard()
        await asyncio.sleep(6.0)
        assert family.heard() == [[FREE], [FREE], [FREE]]
        family.says(2, "probing")
        family.says(3, "probing")
        assert family.heard() == [[HELD], [], [HELD]]

    run(family, scenario())


def test_one_that_waits_only_now_has_its_turn_at_once(family: Family) -> None:
    """The cooldown has been over for a while."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        await asyncio.sleep(60.0)
        family.heard()
        family.says(2, "wanted")
        assert family.heard() == [[KEPT], [GRANTED], [KEPT]]

    run(family, scenario())


def test_a_probe_that_fails_opens_it_for_all_for_longer(family: Family) -> None:
    """And those that wait go on waiting."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.says(2, "wanted")
        family.says(3, "wanted")
        await asyncio.sleep(5.0)
        family.says(2, "probing")
        family.heard()
        family.says(2, "opened", cooldown=9.0, level=2)
        longer = ("open", 9.0, False)
        assert family.heard() == [[longer], [], [longer]]
        await asyncio.sleep(9.0)
        assert family.heard() == [[KEPT], [KEPT], [GRANTED]]

    run(family, scenario())


@pytest.mark.parametrize("how", ["dies", "gives up", "says nothing", "never begins"])
def test_a_turn_that_comes_to_nothing_is_another_childs(family: Family, how: str) -> None:
    """However it is lost; each has a deadline."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.says(1, "wanted")
        family.says(2, "wanted")
        await asyncio.sleep(5.0)
        if how != "never begins":
            family.says(1, "probing")
        family.heard()
        second = family.kids[1]
        match how:
            case "dies":
                family.dies(1)
            case "gives up":
                family.says(1, "given_up")
            case "says nothing":
                await asyncio.sleep(PROBE_TIME)
            case _:
                await asyncio.sleep(GRANT_TIME)
        assert second.heard() == [GRANTED]

    run(family, scenario())


def test_a_child_that_is_gone_gets_no_turn(family: Family) -> None:
    """The next that waits does."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        family.says(2, "wanted")
        family.says(3, "wanted")
        family.dies(2)
        family.heard()
        await asyncio.sleep(5.0)
        assert family.heard() == [[KEPT], [GRANTED]]

    run(family, scenario())


def test_a_service_that_nobody_calls_any_more_is_forgotten(family: Family) -> None:
    """The status need not show it for ever."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        await asyncio.sleep(5.0 + FORGET_TIME + 1.0)
        assert family.table.view() == ()
        assert family.kids[2].heard() == [OPEN, FREE, CLOSED]

    run(family, scenario())


def test_what_a_child_says_is_bounded(family: Family) -> None:
    """A cooldown of a year, a thousand services."""

    async def scenario() -> None:
        for number in range(2 * MAX_CIRCUITS):
            family.says(1, "opened", cooldown=1e9, key=f"a/{number}")
        assert len(family.table.view()) == MAX_CIRCUITS
        assert len(family.table.opened) == MAX_CIRCUITS
        assert {view.seconds for view in family.table.view()} == {LONGEST_COOLDOWN}

    run(family, scenario())


@pytest.mark.parametrize("event", ["wanted", "probing", "answered", "given_up"])
def test_words_about_a_circuit_that_nobody_knows_change_nothing(
    family: Family, event: Literal["wanted", "probing", "answered", "given_up"]
) -> None:
    """It has closed while they were on their way."""

    async def scenario() -> None:
        family.says(1, event)
        assert family.heard() == [[], [], []]
        assert family.table.view() == ()

    run(family, scenario())


def test_each_turn_is_one_line_with_what_why_and_what_next(
    family: Family, caplog: pytest.LogCaptureFixture
) -> None:
    """Which the journal keeps as an event."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0)
        await asyncio.sleep(5.0)
        family.says(2, "probing")
        family.says(2, "answered")

    run(family, scenario())
    lines = [vars(record) for record in caplog.records]

    assert [(line["action"], line["child"]) for line in lines] == [
        ("circuit_opened", "c1"),
        ("circuit_half_open", "c2"),
        ("circuit_closed", "c2"),
    ]
    assert all(line["circuit"] == KEY and line["reason"] and line["next"] for line in lines)


def test_the_status_says_who_probes(family: Family) -> None:
    """And for how long it is waited for."""

    async def scenario() -> None:
        family.says(1, "opened", cooldown=5.0, level=3)
        await asyncio.sleep(7.0)
        family.says(2, "probing")
        [view] = family.table.view()
        assert (view.state, view.seconds, view.times) == ("half_open", PROBE_TIME, 3)
        assert (view.prober, view.reason) == ("c2", "503")

    run(family, scenario())
