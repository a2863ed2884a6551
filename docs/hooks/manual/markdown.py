"""Tables and text of Markdown, written so that nothing in a cell is taken for a mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown without line breaks."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """Text as code, in a cell of a table, too."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text else ""


def plain(text: str) -> str:
    """Text that has no marks of its own, on one line."""
    found = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for mark in ("\\", "*", "_", "`", "[", "]", "|"):
        found = found.replace(mark, f"\\{mark}" if mark != "|" else "&#124;")
    return found
