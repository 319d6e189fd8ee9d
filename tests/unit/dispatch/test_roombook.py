"""Which rooms come first."""

from __future__ import annotations

from agentd.dispatch.roombook import RoomBook
from agentd.dispatch.seen import RoomSeen


def names(book: RoomBook, at: float, limit: int = 10) -> list[str]:
    return [record.name for record in book.due(at, limit)]


def test_new_rooms_come_before_quiet_ones_and_these_in_turn() -> None:
    """However many are due, none is left out for good."""
    book = RoomBook()
    book.update([RoomSeen("1", "a"), RoomSeen("2", "b")], 0.0)
    for record in book.due(0.0, 2):
        record.plan(5.0 if record.name == "b" else 6.0, urgent=False)
    book.update([RoomSeen("1", "a"), RoomSeen("2", "b"), RoomSeen("3", "c")], 7.0)

    assert names(book, 7.0) == ["c", "b", "a"]
    assert names(book, 7.0, limit=2) == ["c", "b"]
    assert names(book, 5.5) == ["b"]


def test_a_room_that_closed_is_forgotten() -> None:
    """One of the same name that opens later is new."""
    book = RoomBook()
    book.update([RoomSeen("1", "a")], 0.0)
    book.due(0.0, 1)[0].plan(100.0, urgent=False)
    book.update([RoomSeen("2", "a")], 1.0)

    assert (len(book), names(book, 1.0)) == (1, ["a"])


def test_the_next_room_is_known() -> None:
    """Without a room there is none."""
    book = RoomBook()
    assert book.next_due_at() == float("inf")
    book.update([RoomSeen("1", "a")], 3.0)

    assert book.next_due_at() == 3.0
