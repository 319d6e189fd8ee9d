"""When the daemon is so ill that only a new one helps. Pure.

systemd's watchdog is fed only while the event loop goes round and the parts without which no call
is served do their work. What a restart of the daemon does not mend is not asked: a LiveKit
server that is away, an app that does not import, children that fail, a disk that is full. Nor is
what the tree mends by itself: it starts a part that failed again within seconds, or ends the
daemon when that keeps failing.
"""

from __future__ import annotations

from agentd.supervision.view import ChildView, TreeView

VITAL = ("journal", "pool", "control", "desk", "link")
"""Children of the daemon's tree without which jobs are neither taken nor watched nor steered."""

PATIENCE = 60.0
"""Seconds that such a part may be down, being stopped or started, before that is called ill."""


def find_lifeless(tree: TreeView | None) -> str:
    """What is wrong; empty when nothing is, or before there is a tree."""
    if tree is None:
        return ""
    for child in tree.children:
        if child.id in VITAL and _is_lifeless(child):
            return f"{tree.name}/{child.id} has been {child.state} for {child.since:.0f} s"
    return ""


def _is_lifeless(child: ChildView) -> bool:
    # What has ended as it should is the daemon's business: it ends then, or has done without.
    working = child.state in ("running", "finished", "terminated")
    return not working and child.since > PATIENCE
