"""docs/fault-matrix.md has each row of the matrix, in its words."""

from __future__ import annotations

from tests.matrix.document import DOCUMENT, text


def test_the_document_is_the_matrix() -> None:
    """Made by `python -m tests.matrix.document`, and by nobody's hand."""
    assert DOCUMENT.read_text() == text()
