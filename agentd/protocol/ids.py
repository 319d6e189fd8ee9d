"""Names for the things that frames talk about."""

from __future__ import annotations

from typing import NewType

JobId = NewType("JobId", str)
"""LiveKit's id of a job, such as `AJ_7dK2m`."""

ChildId = NewType("ChildId", str)
"""Our id of one child process, unique over the life of a runtime directory."""

SlotId = NewType("SlotId", int)
"""The number of a seat in the pool, from 0."""

TemplateId = NewType("TemplateId", int)
"""The generation of a template: each reload starts the next one."""
