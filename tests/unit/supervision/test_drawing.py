"""The tree on a terminal."""

from __future__ import annotations

from agentd.supervision.drawing import draw_tree
from agentd.supervision.view import ChildView, TreeView


def a_child(name: str, below: TreeView | None = None, **fields: object) -> ChildView:
    """A child that has been running for a second and a half, or what the fields say."""
    facts: dict[str, object] = {
        "type": "worker",
        "state": "running",
        "since": 1.5,
        "restarts": 0,
        "failures": 0,
        "last_error": "",
        "next_start_in": None,
    }
    return ChildView(id=name, below=below, **(facts | fields))  # type: ignore[arg-type]


def a_tree(name: str, *children: ChildView) -> TreeView:
    """A supervisor of these children."""
    return TreeView(
        name=name,
        strategy="one_for_one",
        state="running",
        recent_restarts=1,
        allowed_restarts=3,
        period=5.0,
        children=children,
    )


def test_each_child_has_a_line_below_its_supervisor() -> None:
    """With what it died of and when it comes back."""
    failed = a_child(
        "template",
        state="failed",
        since=75.0,
        restarts=4,
        last_error="ImportError: no agent",
        next_start_in=30.0,
    )
    jobs = a_child("jobs", a_tree("jobs", a_child("pool"), a_child("desk", since=7300.0)))

    assert draw_tree(a_tree("daemon", failed, jobs, a_child("http"))) == [
        "daemon  running, one_for_one, 1 of 3 restarts in 5 s",
        "├── template  failed for 1 min 15 s, next start in 30.0 s, restarts: 4, "
        "last error: ImportError: no agent",
        "├── jobs  running for 1.5 s, one_for_one, 1 of 3 restarts in 5 s",
        "│   ├── pool  running for 1.5 s",
        "│   └── desk  running for 2 h 1 min",
        "└── http  running for 1.5 s",
    ]
