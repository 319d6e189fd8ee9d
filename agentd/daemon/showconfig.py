"""The settings that the daemon runs with, as they are shown: secrets masked."""

from __future__ import annotations

from agentd.management.operations import ConfigView, DirectoryEntry, SettingEntry
from agentd.settings.fields import SECTIONS
from agentd.settings.shown import plain_value

from .loglevels import LogLevels
from .parts import Parts

CHANGED = "changed at run time"


def show_config(parts: Parts, levels: LogLevels) -> ConfigView:
    """All settings in force and where each came from, and the directories."""
    resolved = parts.resolved
    settings = {
        field.name: SettingEntry(
            section=field.section,
            value=plain_value(field.name, resolved.value(field.name)),
            origin=str(resolved.origin[field.name]),
        )
        for section in SECTIONS
        for field in section.fields
    }
    if levels.changed is not None:
        settings["log_level"] = SettingEntry(section="log", value=levels.changed, origin=CHANGED)
    directories = (parts.base.directories.state, parts.base.directories.runtime)
    return ConfigView(
        settings=settings,
        directories={
            each.setting: DirectoryEntry(path=str(each.path), origin=each.origin)
            for each in directories
        },
    )
