"""Tests of agentd.voice.dtmf."""

from __future__ import annotations

import pytest

from agentd.aio.timing import now
from agentd.errors import SessionError
from agentd.testing.virtual_time import run_virtual
from agentd.voice.dtmf import DtmfEvent, dial, keys


class Telephone:
    """Notes which keys were pressed, and when."""

    def __init__(self, broken: str = "") -> None:
        self.pressed: list[tuple[float, int, str]] = []
        self._broken = broken

    deletes_room = False

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def publish_dtmf(self, *, code: int, digit: str) -> None:
        if digit == self._broken:
            raise SessionError("stuck")
        self.pressed.append((round(now(), 3), code, digit))


def test_keys_have_the_codes_of_the_standard() -> None:
    """RFC 4733: digits, star, pound, letters."""
    assert [key.code for key in keys("0*#d")] == [0, 10, 11, 15]
    assert [DtmfEvent.NINE.code, DtmfEvent.A.code] == [9, 12]


def test_what_is_no_key_is_refused_whole() -> None:
    """Before anything is pressed."""
    with pytest.raises(ValueError, match="not '12x'"):
        keys("12x")


def test_keys_are_pressed_one_after_the_other() -> None:
    """With a gap, and none after the last."""
    telephone = Telephone()

    async def scenario() -> float:
        await dial(telephone, keys("42#"))
        return now()

    ended_at = run_virtual(scenario())

    assert telephone.pressed == [(0.0, 4, "4"), (0.3, 2, "2"), (0.6, 11, "#")]
    assert ended_at == pytest.approx(0.6)


def test_a_key_that_is_not_taken_ends_it() -> None:
    """The rest would be another number."""
    telephone = Telephone(broken="2")

    with pytest.raises(SessionError, match="stuck"):
        run_virtual(dial(telephone, keys("123")))
    assert [key for _, _, key in telephone.pressed] == ["1"]
