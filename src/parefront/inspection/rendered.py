"""Tables as text, for what a value shows of itself in an interpreter."""

from __future__ import annotations

import io
import shutil

from rich.console import Console, RenderableType


def rendered(*parts: RenderableType) -> str:
    """The parts one below the other, as wide as the terminal, without colours."""
    width = shutil.get_terminal_size((100, 24)).columns
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")
