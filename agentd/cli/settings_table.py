"""The settings as a table for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table
from rich.text import Text

from agentd.settings.fields import SECTIONS, Field
from agentd.settings.layers import Rank, Resolved
from agentd.settings.paths import Directories
from agentd.settings.shown import plain_value, shown_value

if TYPE_CHECKING:
    from agentd.management.operations import ConfigView


def settings_table(resolved: Resolved) -> Table:
    """Sections of name, value and origin; what is not a default stands out."""
    table = Table("setting", "value", "from", highlight=False)
    for section in SECTIONS:
        for field in section.fields:
            table.add_row(*_row(field, resolved))
        table.add_section()
    return table


def directories_table(directories: Directories) -> Table:
    """The directories that a run would use."""
    table = Table("directory", "path", "from", highlight=False)
    for directory in (directories.state, directories.runtime):
        path = Text(str(directory.path), overflow="fold")
        table.add_row(Text(directory.setting.replace("_dir", "")), path, Text(directory.origin))
    return table


def _row(field: Field, resolved: Resolved) -> tuple[Text, Text, Text]:
    origin = resolved.origin[field.name]
    style = "dim" if origin.rank >= Rank.DEV_DEFAULT else "bold"
    value = shown_value(field.name, resolved.value(field.name)) or "(empty)"
    return Text(field.name), Text(value, style=style), Text(str(origin), style=style)


def running_table(view: ConfigView) -> Table:
    """The same of a daemon that runs, its directories below."""
    table = Table("setting", "value", "from", highlight=False)
    section = ""
    for name, entry in view.settings.items():
        if entry.section != section and section:
            table.add_section()
        section = entry.section
        value = Text(str(entry.value) or "(empty)")
        table.add_row(Text(name), value, Text(entry.origin))
    table.add_section()
    for name, directory in view.directories.items():
        path = Text(directory.path, overflow="fold")
        table.add_row(Text(name), path, Text(directory.origin))
    return table


def running_json(view: ConfigView) -> str:
    """The settings of a daemon that runs, as `settings_json` writes them."""
    return msgspec.json.format(msgspec.json.encode(view.settings), indent=2).decode()


def settings_json(resolved: Resolved) -> str:
    """One object by field name; secrets are masked here too."""
    document = {
        field.name: {
            "section": field.section,
            "value": plain_value(field.name, resolved.value(field.name)),
            "from": str(resolved.origin[field.name]),
        }
        for section in SECTIONS
        for field in section.fields
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
