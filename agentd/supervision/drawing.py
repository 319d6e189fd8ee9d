"""A tree of supervisors as lines of text, for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .view import ChildView, TreeView


def draw_tree(view: TreeView) -> list[str]:
    """One line for each supervisor and child, indented by lines that join them."""
    return [f"{view.name}  {view.state}, {_terms(view)}", *_children(view, "")]


def _children(view: TreeView, indent: str) -> Iterator[str]:
    for child in view.children:
        last = child is view.children[-1]
        yield f"{indent}{'└── ' if last else '├── '}{_child(child)}"
        if child.below is not None:
            yield from _children(child.below, f"{indent}{'    ' if last else '│   '}")


def _terms(view: TreeView) -> str:
    allowed = f"{view.recent_restarts} of {view.allowed_restarts} restarts in {view.period:g} s"
    return f"{view.strategy}, {allowed}"


def _child(child: ChildView) -> str:
    facts = [f"{child.state} for {_duration(child.since)}"]
    if child.next_start_in is not None:
        facts.append(f"next start in {_duration(child.next_start_in)}")
    if child.restarts:
        facts.append(f"restarts: {child.restarts}")
    if child.last_error:
        facts.append(f"last error: {child.last_error}")
    if child.below is not None:
        facts.append(_terms(child.below))
    return f"{child.id}  {', '.join(facts)}"


def _duration(seconds: float) -> str:
    """To a precision that people care for."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
