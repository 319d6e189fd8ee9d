"""The table of all figures, for docs/operations.md. Pure."""

from __future__ import annotations

from agentd.management.metrics import described


def figures_table() -> str:
    """A row for each family, as a test holds it to be in the docs."""
    rows = ["| figure | kind | is |", "|---|---|---|"]
    for each in described():
        labels = f"{{{', '.join(each.labels)}}}" if each.labels else ""
        rows.append(f"| `{each.name}{labels}` | {each.kind} | {each.text} |")
    return "\n".join(rows) + "\n"
