"""docs/configuration.md."""

from __future__ import annotations

from pathlib import Path

from agentd.settings.document import document
from agentd.settings.fields import FIELDS, SECTIONS

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_in_docs_is_up_to_date() -> None:
    """Run `python -m agentd.settings.document > docs/configuration.md` when this fails."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_names_are_unique_over_the_sections() -> None:
    """One flag and one variable name one setting."""
    assert len(FIELDS) == sum(len(section.fields) for section in SECTIONS)


def test_every_setting_says_what_it_means() -> None:
    """No row of the page is without a meaning."""
    assert [field.name for field in FIELDS.values() if not field.description] == []
